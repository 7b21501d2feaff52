// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { skip } from './skip.ts';

/** A `before` hook of suites that watch the kernel. */
export function needsKernel(this: Mocha.Context): void {
  if (process.getuid?.() !== 0) skip(this, 'needs root to load BPF programs');
  if (!existsSync('/sys/kernel/btf/vmlinux')) skip(this, 'this kernel has no BTF');
}

/** Skips unless the command succeeds; it must change nothing. */
export function needsCommand(context: Mocha.Context, command: string, ...args: readonly string[]): void {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
  } catch {
    skip(context, `${[command, ...args].join(' ')} does not work here`);
  }
}
