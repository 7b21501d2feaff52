// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Settings } from '../config/command-line.ts';
import { cgroup2Mounts } from '../sensor/cgroup.ts';
import type { Native } from '../sensor/native.ts';
import { engineArguments, engineEnvironment } from './engine-arguments.ts';

/** Numbers of linux/capability.h. */
export const CAPABILITIES = {
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  NET_BIND_SERVICE: 10,
  NET_ADMIN: 12,
  SYS_PTRACE: 19,
  SYS_ADMIN: 21,
  PERFMON: 38,
  BPF: 39,
} as const;

export type Capability = keyof typeof CAPABILITIES;

/** The highest number that any kernel may have: a set has 64 bits. */
const NUMBERS = 64;

/**
 * What a running agent needs, and nothing else; the reason of each stands in docs/threat-model.md.
 *
 * @param host replaced in tests
 */
export function neededCapabilities(
  { output, health }: Pick<Settings, 'output' | 'health'>,
  host: { readonly hasCgroup2: () => boolean; readonly isOurs: (file: string) => boolean } = thisHost,
): readonly Capability[] {
  const needed: Capability[] = ['BPF', 'PERFMON', 'NET_ADMIN', 'SYS_PTRACE', 'DAC_READ_SEARCH'];
  // For a detached mount, and for the cgroup namespace of the host's first process.
  if (!host.hasCgroup2()) needed.push('SYS_ADMIN');
  // The user wants a file where somebody else is the owner.
  if (output.startsWith('file:') && !host.isOurs(resolve(output.slice('file:'.length))))
    needed.push('DAC_OVERRIDE');
  if (health !== undefined && health.port < 1024) needed.push('NET_BIND_SERVICE');
  return needed;
}

const thisHost = {
  /** Whether the root of the host's hierarchy is mounted here: kernfs numbers it 1. */
  hasCgroup2: () =>
    cgroup2Mounts(readFileSync('/proc/self/mountinfo', 'utf8')).some((path) => {
      try {
        return statSync(path).ino === 1;
      } catch {
        return false;
      }
    }),
  /** Whether root can write it, and others beside it, as owner or as anybody. */
  isOurs: (file: string) => [dirname(file), file].every(isWritable),
};

/** What is not there yet is made by us. */
function isWritable(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return true;
  return stat.uid === 0 ? (stat.mode & 0o200) !== 0 : (stat.mode & 0o002) !== 0;
}

/** What this process has; undefined where /proc does not say. */
function capabilities(): { readonly bounding: bigint; readonly noNewPrivileges: boolean } | undefined {
  const status = readFileSync('/proc/self/status', 'latin1');
  const hex = (name: string) => new RegExp(`^${name}:\\s*([0-9a-f]{1,16})$`, 'm').exec(status)?.[1];
  const bounding = hex('CapBnd');
  if (bounding === undefined) return undefined;
  return { bounding: BigInt(`0x${bounding}`), noNewPrivileges: /^NoNewPrivs:\s*1$/m.test(status) };
}

/**
 * Gives up what root does not need, for every thread: capabilities belong to threads, of which Node has many, so the
 * bounding set is made smaller and the program executes itself once more under the same process id. Comes back when
 * there is nothing to give up, with a line where it could not be done; a process that is not root keeps what it was
 * given.
 *
 * @param native loaded only when it is needed
 */
export function reducePrivileges(settings: Settings, native: () => Native): string | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  let what = 'reading /proc';
  try {
    const now = capabilities();
    if (now === undefined)
      return 'privileges: /proc/self/status does not name them; the agent keeps all of them';
    const keep = neededCapabilities(settings).reduce(
      (bits, name) => bits | (1n << BigInt(CAPABILITIES[name])),
      0n,
    );
    if ((now.bounding & ~keep) === 0n && now.noNewPrivileges) return undefined;
    // What a descriptor held is gone after that: <(…) of a shell can be read once.
    if (settings.config !== undefined && !statSync(settings.config).isFile())
      return `privileges: ${settings.config} can be read only once; the agent keeps all of root's`;
    const calls = native();
    what = 'setrlimit';
    if (isOld()) calls.raiseMemoryLock();
    what = 'prctl';
    for (let capability = 0; capability < NUMBERS; capability++)
      if ((now.bounding & ~keep & (1n << BigInt(capability))) !== 0n)
        calls.dropBoundingCapability(capability);
    calls.clearInheritableCapabilities();
    calls.setNoNewPrivileges();
    accessSync(process.execPath, constants.X_OK);
    const engine = engineArguments(process.execArgv, process.env.NODE_OPTIONS);
    what = 'execve';
    const environment = engineEnvironment(process.env);
    process.execve!(process.execPath, [process.execPath, ...engine, ...process.argv.slice(1)], environment);
  } catch (error) {
    return `privileges: the agent keeps those of root (${what}: ${(error as Error).message})`;
  }
}

/** Before 5.11 BPF maps count as locked memory, and raising that limit takes a capability that is given up. */
function isOld(): boolean {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(release()) ?? [];
  return Number(major) < 5 || (Number(major) === 5 && Number(minor) < 11);
}
