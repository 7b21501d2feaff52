// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small module that every Debian kernel ships. */
export const MODULE = 'dummy';
const SIGNATURE = Buffer.from('~Module signature appended~\n');
/** struct module_signature (include/linux/module_signature.h). */
const SIGNATURE_INFO = 12;

/** Copies of one module of the running kernel. */
export interface Modules {
  /** As it is shipped; compressed on some kernels. */
  readonly shipped: string;
  readonly plain: string;
  /** Absent where the kernel's modules carry no signature. */
  readonly unsigned?: string;
  readonly altered?: string;
  /** No module at all. */
  readonly garbage: string;
  remove(): void;
}

/** Undefined where the running kernel has no modules. */
export function copiesOfModule(): Modules | undefined {
  const folder = `/lib/modules/${release()}/kernel/drivers/net`;
  const name =
    existsSync('/proc/modules') &&
    existsSync(folder) &&
    readdirSync(folder).find((file) => file.startsWith(`${MODULE}.ko`));
  if (!name) return undefined;
  const shipped = join(folder, name);
  const bytes = name.endsWith('.xz')
    ? execFileSync('xz', ['-dc', shipped], { maxBuffer: 1 << 24 })
    : readFileSync(shipped);
  const dir = mkdtempSync(join(tmpdir(), 'agentsmith-module-'));
  const write = (file: string, content: Uint8Array) => {
    writeFileSync(join(dir, file), content);
    return join(dir, file);
  };
  const rest = {
    shipped,
    plain: write('plain.ko', bytes),
    garbage: write('garbage.ko', Buffer.alloc(4096, 'x')),
  };
  const remove = () => rmSync(dir, { recursive: true });
  if (!bytes.subarray(-SIGNATURE.length).equals(SIGNATURE)) return { ...rest, remove };
  const length = bytes.readUInt32BE(bytes.length - SIGNATURE.length - 4);
  const unsigned = bytes.subarray(0, bytes.length - SIGNATURE.length - SIGNATURE_INFO - length);
  const altered = Buffer.from(bytes);
  // Within the ELF header's padding, so that only the signature tells.
  altered[9] = 1;
  return { ...rest, unsigned: write('unsigned.ko', unsigned), altered: write('altered.ko', altered), remove };
}
