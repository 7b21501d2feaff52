// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cachePath } from '../support/cache.ts';
import { repository } from '../support/repository.ts';

/** What is made, and counted at the end. */
export const KINDS = ['connect', 'file', 'exec'] as const;
export type BillKind = (typeof KINDS)[number];

/**
 * An agent beside ours, as a bash line. It finds `$OUT` (a file to write to), `$URL` (an OTLP/gRPC receiver), `$WORKLOAD`
 * (path of the program that makes the events), `$FOLDER` (its own), and `$TOOLS` (where Debian's packages are unpacked).
 * SIGTERM ends it.
 */
export interface Peer {
  readonly name: string;
  readonly command: string;
  /** How its records are recognized: lines of `$OUT`, or names of events at the receiver. */
  readonly counts: Readonly<Record<BillKind, RegExp | string>>;
  /** Debian packages that it needs. */
  readonly packages: readonly string[];
  /** A bash line behind its end, for what it leaves in the kernel. */
  readonly cleanUp?: string;
  /** Names of kernel threads that work for it alone. */
  readonly threads?: readonly string[];
}

const NODE = process.execPath;
const built = (module: string) => join(repository, 'build', module);

/** Three probes, one line an event; of the whole machine, as the others. */
const PROBES = `
tracepoint:syscalls:sys_enter_execve { printf("exec %s %d %d %s\\n", comm, pid, uid, str(args->filename)); }
tracepoint:syscalls:sys_enter_connect { printf("connect %s %d %d %d\\n", comm, pid, uid, args->fd); }
tracepoint:syscalls:sys_enter_openat /args->flags & 64/ { printf("file %s %d %d %s\\n", comm, pid, uid, str(args->filename)); }`;

/** Debian's bpftrace wants tracefs, which is mounted for it alone. */
const BPFTRACE = `unshare --mount bash -c 'mount -t tracefs t /sys/kernel/tracing; mount -t debugfs d /sys/kernel/debug; exec "$@"' bash \
"$TOOLS/usr/bin/bpftrace" -f json -e '${PROBES.replaceAll('\n', ' ')}'`;

/** Of the workload's program alone: so it does less than the others, and does not stop the rest of the machine. */
const AUDIT = `
mkdir -p "$FOLDER/audit/plugins.d"
printf '%s\\n' 'local_events = yes' 'write_logs = yes' "log_file = $OUT" 'log_format = ENRICHED' 'flush = INCREMENTAL_ASYNC' \
  'freq = 50' 'max_log_file = 0' 'max_log_file_action = IGNORE' "plugin_dir = $FOLDER/audit/plugins.d" 'q_depth = 2000' \
  'space_left = 75' 'admin_space_left = 50' 'space_left_action = IGNORE' 'admin_space_left_action = IGNORE' 'disk_full_action = IGNORE' >"$FOLDER/audit/auditd.conf"
"$TOOLS/sbin/auditctl" -D >/dev/null
"$TOOLS/sbin/auditctl" -b 8192 >/dev/null
rule() { "$TOOLS/sbin/auditctl" -a always,exit -F arch=b64 -F "exe=$WORKLOAD" "$@"; }
rule -S execve -k bill-exec && rule -S connect -k bill-connect && rule -S openat -F 'a2&64' -k bill-file || exit 77
exec "$TOOLS/sbin/auditd" -n -c "$FOLDER/audit"`;

const audited = (kind: BillKind) => new RegExp(`^type=SYSCALL .*key="bill-${kind}"`);
const traced = (kind: BillKind) => new RegExp(`"${kind} bill `);

/** Ours first: it is what the others are compared with. Another agent is one more entry. */
export const PEERS: readonly Peer[] = [
  {
    name: 'agentsmith',
    command: `exec ${NODE} ${built('src/cli.js')} --endpoint "$URL"`,
    counts: {
      connect: 'agentsmith.network.connect',
      file: 'agentsmith.file.create',
      exec: 'agentsmith.process.exec',
    },
    packages: [],
  },
  {
    name: 'bpftrace',
    command: `exec ${BPFTRACE} -o "$OUT"`,
    counts: { connect: traced('connect'), file: traced('file'), exec: traced('exec') },
    packages: ['bpftrace'],
  },
  {
    name: 'homemade',
    command: `${BPFTRACE} | ${NODE} ${built('test/bench/homemade.js')} "$URL"`,
    counts: { connect: 'connect', file: 'file', exec: 'exec' },
    packages: ['bpftrace'],
  },
  {
    name: 'auditd',
    command: AUDIT,
    counts: { connect: audited('connect'), file: audited('file'), exec: audited('exec') },
    packages: ['auditd'],
    cleanUp: '"$TOOLS/sbin/auditctl" -D; "$TOOLS/sbin/auditctl" -e 0',
    threads: ['kauditd'],
  },
];

/**
 * Where Debian's packages are unpacked with what they need and this machine lacks. Nothing is installed: auditd would be
 * started.
 *
 * @throws with the reason when they cannot be had
 */
export function toolsFor(packages: readonly string[]): string {
  const folder = cachePath('peers', packages.toSorted().join('+') || 'none');
  if (existsSync(folder)) return folder;
  const unpacked = `${folder}.${process.pid}`;
  const archives = join(unpacked, 'archives');
  try {
    mkdirSync(join(archives, 'partial'), { recursive: true });
    if (packages.length > 0) {
      const fetch = ['install', '-y', '-qq', '--download-only', '--no-install-recommends', '--reinstall'];
      const where = ['-o', `Dir::Cache::archives=${archives}`, '-o', 'Debug::NoLocking=1'];
      execFileSync('apt-get', [...fetch, ...where, ...packages], { stdio: 'pipe' });
      for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb')))
        execFileSync('dpkg', ['-x', join(archives, file), unpacked]);
    }
    rmSync(archives, { recursive: true });
    renameSync(unpacked, folder);
    return folder;
  } catch (error) {
    rmSync(unpacked, { recursive: true, force: true });
    throw new Error(
      `${packages.join(', ')} cannot be fetched: ${(error as Error).message.split('\n').at(-1)}`,
    );
  }
}
