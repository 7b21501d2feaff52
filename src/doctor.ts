// SPDX-License-Identifier: Apache-2.0
import { bad, type Finding, note, ok, render } from './findings.ts';
import type { CgroupRoot } from './sensor/cgroup.ts';
import { type HookReport, hooksByFate } from './sensor/sensor.ts';

/** What is asked of this machine; replaced in tests. */
export interface Probes {
  kernelRelease(): string;
  /** Text of a file or target of a link; `undefined` when there is none, or it cannot be read. */
  readText(path: string): string | undefined;
  readLink(path: string): string | undefined;
  exists(path: string): boolean;
  /** The caller of `doctor` closes the descriptor. */
  cgroupRoot(): CgroupRoot;
  /** Whether BPF trampolines load (fentry). Throws without permission. */
  trampolines(): boolean;
  /** Loads and attaches everything. Throws an Error with `code` EPERM, ENOBTF, ENOLAYOUT, … */
  loadSensor(): {
    readonly events: readonly { readonly name: string; readonly hooks: readonly HookReport[] }[];
    close(): void;
  };
  /** `check` rejects with one line that says why. */
  readonly receiver?: { readonly url: string; check(): Promise<void> };
}

/** Bits of CapEff (linux/capability.h). */
const CAPABILITIES = { NET_ADMIN: 12n, SYS_ADMIN: 21n, PERFMON: 38n, BPF: 39n } as const;
/** PROC_PID_INIT_INO: the first pid namespace has this number on every kernel. */
const HOST_PID_NAMESPACE = 'pid:[4026531836]';
const AS_ROOT = 'run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN';
const NEEDS_BTF =
  'use a kernel with CONFIG_DEBUG_INFO_BTF=y, as the distributions ship it; in a container mount /sys';

/** In this order they are printed. */
const CHECKS: readonly ((probes: Probes) => Finding | readonly Finding[] | Promise<Finding>)[] = [
  kernel,
  btf,
  capabilities,
  lockdown,
  pidNamespace,
  cgroupRoot,
  tier,
  hooks,
  passwd,
  receiver,
];

/**
 * Checks everything the agent needs. The lines are at most 100 columns wide and begin with `ok`, `!!` (what to do
 * stands behind `→`) or `--` (worth knowing).
 *
 * @returns `ok` = no line begins with `!!`
 */
export async function doctor(
  probes: Probes,
): Promise<{ readonly lines: readonly string[]; readonly ok: boolean }> {
  const findings: Finding[] = [];
  for (const check of CHECKS) findings.push(...[await check(probes)].flat());
  return { lines: findings.flatMap(render), ok: findings.every(({ status }) => status !== 'bad') };
}

function kernel(probes: Probes): Finding {
  const release = probes.kernelRelease();
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  const isNew = Number(major) > 5 || (Number(major) === 5 && Number(minor) >= 10);
  return isNew
    ? ok('kernel', release)
    : bad('kernel', `${release} is older than 5.10`, 'use Linux 5.10 or newer');
}

function btf(probes: Probes): Finding {
  const path = '/sys/kernel/btf/vmlinux';
  return probes.exists(path) ? ok('btf', path) : bad('btf', `no ${path}`, NEEDS_BTF);
}

function capabilities(probes: Probes): Finding {
  const hex = /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(probes.readText('/proc/self/status') ?? '')?.[1];
  if (hex === undefined) return bad('capabilities', 'not readable in /proc/self/status', 'mount /proc');
  const has = (bit: bigint) => ((BigInt(`0x${hex}`) >> bit) & 1n) === 1n;
  if (has(CAPABILITIES.SYS_ADMIN)) return ok('capabilities', 'CAP_SYS_ADMIN includes all that is needed');
  const missing = (['BPF', 'PERFMON', 'NET_ADMIN'] as const).filter((name) => !has(CAPABILITIES[name]));
  if (missing.length === 0) return ok('capabilities', 'CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN');
  return bad('capabilities', `${missing.map((name) => `CAP_${name}`).join(', ')} missing`, AS_ROOT);
}

function lockdown(probes: Probes): Finding {
  const mode = /\[(\w+)\]/.exec(probes.readText('/sys/kernel/security/lockdown') ?? '')?.[1];
  if (mode === undefined) return note('lockdown', 'not readable, most likely off');
  if (mode !== 'confidentiality') return ok('lockdown', mode);
  return bad(
    'lockdown',
    'confidentiality: programs must not read kernel memory',
    'boot with lockdown=integrity, or none',
  );
}

function pidNamespace(probes: Probes): Finding {
  const subject = 'pid namespace';
  const namespace = probes.readLink('/proc/self/ns/pid');
  if (namespace === HOST_PID_NAMESPACE) return ok(subject, "the host's");
  if (namespace === undefined) return note(subject, 'not readable in /proc/self/ns');
  return bad(
    subject,
    "not the host's: process ids in events are the host's, so the agent cannot tell itself or read /proc",
    'run in the pid namespace of the host: hostPID: true, docker run --pid=host',
  );
}

function cgroupRoot(probes: Probes): Finding {
  const { scope, how } = probes.cgroupRoot();
  if (scope === 'host') return ok('cgroup root', `the host's, ${how}`);
  if (scope === 'none') {
    return bad('cgroup root', `none: ${how}`, 'mount cgroup2, or grant CAP_SYS_ADMIN: connect needs it');
  }
  return bad(
    'cgroup root',
    `connect, dns: this container only (${how})`,
    "run in the host's cgroup namespace (docker run --cgroupns=host), or mount its /sys/fs/cgroup",
  );
}

function tier(probes: Probes): Finding {
  try {
    return probes.trampolines()
      ? note('tier', 'A: BPF trampolines load')
      : note('tier', 'B: no BPF trampolines; exec, exit and connect do not need them');
  } catch (error) {
    return note('tier', `not known: ${(error as Error).message}`);
  }
}

const LOAD_REMEDIES: Readonly<Record<string, string>> = {
  EPERM: AS_ROOT,
  EACCES: AS_ROOT,
  ENOBTF: NEEDS_BTF,
  ENOLAYOUT: 'agent and BPF object must be of one build: npm run build, or leave out --bpf-object',
  ENOHOOKS: 'switch on at least one event (--events)',
  ENOMEM: 'use a smaller --ring-size; before Linux 5.11 raise ulimit -l',
};

function hooks(probes: Probes): readonly Finding[] {
  let sensor: ReturnType<Probes['loadSensor']>;
  try {
    sensor = probes.loadSensor();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    return [
      bad('hooks', message, LOAD_REMEDIES[code] ?? 'report this line, please, with the kernel release'),
    ];
  }
  try {
    return sensor.events.flatMap(({ name, hooks }) => {
      const event = name.replace('agentsmith.', '');
      const { attached, missing } = hooksByFate(hooks);
      const seen = attached.size > 0 ? [ok(event, [...attached].join(' '))] : [];
      const unseen = [...missing].map(([reason, programs]) =>
        bad(
          event,
          `without ${programs.join(', ')}: ${reason}`,
          'all else works without; what only these see is missing',
        ),
      );
      return [...seen, ...unseen];
    });
  } finally {
    sensor.close();
  }
}

function passwd(probes: Probes): Finding {
  const path = ['/proc/1/root/etc/passwd', '/etc/passwd'].find((each) => probes.readText(each) !== undefined);
  if (path !== undefined) return ok('user names', path);
  return note(
    'user names',
    'no passwd file is readable: events have user ids only',
    'mount /etc/passwd of the host',
  );
}

async function receiver({ receiver }: Probes): Promise<Finding> {
  if (receiver === undefined) return note('receiver', 'none given; --endpoint URL checks one');
  try {
    await receiver.check();
    return ok('receiver', receiver.url);
  } catch (error) {
    return bad(
      'receiver',
      (error as Error).message,
      'correct that, or give another receiver with --endpoint',
    );
  }
}
