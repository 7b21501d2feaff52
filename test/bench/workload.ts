// SPDX-License-Identifier: Apache-2.0
import { processExec } from '../../src/decode/layout.gen.ts';
import { connect, exec, exit, file, fork, introduction } from '../support/records.ts';

/*
 * Ring bytes for the benchmarks: 4096 different events, as the addon would drain them. Where each event has a process
 * of its own (exec, exit), its start is moved on in each pass, so that no pass finds what the one before left in the
 * caches: each exec is a fork and an exec of a process that was never seen, each exit the end of one that was forked.
 */

/** Which event a workload exports. */
export type Kind = 'connect' | 'file' | 'exec' | 'exit';

const EVENTS = 4096;
/** As large as a batch of the addon (addon/sensor.cc). */
const BATCH_BYTES = 1 << 20;

/** One drain of the ring. */
export interface Drain {
  readonly bytes: Uint8Array;
  /** Exported events in it. */
  readonly events: number;
  /** Words that hold the low half of a process's start, moved on in each pass. */
  readonly starts: readonly number[];
}

export interface Workload {
  /** Processes that act or are parents; delivered once, not exported. */
  readonly introductions: Drain;
  readonly drains: readonly Drain[];
}

const ACTORS = 64;
const PARENT = 900;
const PARENT_START = 4_000_000_000n;
const parentOf = (i: number) => ({ pid: PARENT + (i % ACTORS), start: PARENT_START + BigInt(i % ACTORS) });

/** 64 shells of a chain of sessions: parents of what is executed, actors of what connects. */
function introductions(): Buffer[] {
  return Array.from({ length: ACTORS }, (_, i) =>
    introduction({
      who: {
        ...parentOf(i),
        parentPid: i === 0 ? 1 : PARENT + (i >> 1),
        parentStart: i === 0 ? 1n : PARENT_START + BigInt(i >> 1),
        uid: i % 8 === 0 ? 0 : 1000,
      },
      executable: ['/usr/bin/bash', '/usr/bin/make', '/usr/sbin/nginx', '/opt/app/bin/server'][i % 4]!,
    }),
  );
}

/** One of 64 actors, IPv4 to three of four peers, one of 16 refused. */
function connectOf(i: number): Buffer[] {
  const v6 = i % 4 === 3;
  const daddr = v6
    ? Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, i & 255, i >> 8, 7)
    : Uint8Array.of(10, i & 255, i >> 8, 17);
  const saddr = v6
    ? Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    : Uint8Array.of(192, 168, 1, 20);
  const refused = i % 16 === 5;
  const record = connect({
    header: {
      tid: parentOf(i).pid + (i % 3),
      time: 6_500_000_000n + BigInt(i) * 1000n,
      sequence: 1_763_770_000_000_042n + BigInt(i),
      comm: 'worker',
    },
    who: { ...parentOf(i), parentPid: PARENT, parentStart: PARENT_START },
    family: v6 ? 10 : 2,
    daddr,
    saddr,
    dport: 1024 + ((i * 7) % 60_000),
    sport: 32_768 + (i % 28_000),
    cookie: 70_000n + BigInt(i),
    took: 120_000n + BigInt(i) * 137n,
    fd: 3 + (i % 200),
    result: refused ? -111 : 0,
    flags: (refused ? 1 : 0) | 2 | 4 | 16 | 32,
  });
  return [record];
}

/** One of 64 actors makes a file, on a path of five to seven components; every eighth is unresolved. */
function fileOf(i: number): Buffer[] {
  const directory = ['/home/user/project/build/obj', '/var/lib/app/cache/ab/cd/ef', '/tmp/work/a/b'][i % 3]!;
  const name = `file${i}.o`;
  const found = i % 8 !== 7;
  const record = file({
    header: {
      tid: parentOf(i).pid + (i % 3),
      time: 6_500_000_000n + BigInt(i) * 1000n,
      sequence: 1_763_770_000_000_042n + BigInt(i),
      comm: 'worker',
    },
    who: { ...parentOf(i), parentPid: PARENT, parentStart: PARENT_START },
    ...(found
      ? { path: `${directory}/${name}`, inode: 1_000_000n + BigInt(i), mode: 0o100644, owner: 1000 }
      : { path: directory, name, flags: 1 }),
  });
  return [record];
}

const who = (i: number) => ({
  pid: 100_000 + i,
  start: 5_000_000_000n + BigInt(i) * 4096n,
  parentPid: parentOf(i).pid,
  parentStart: parentOf(i).start,
});

const COMMANDS: readonly ((i: number) => readonly string[])[] = [
  (i) => [
    'gcc',
    '-O2',
    '-Wall',
    '-fPIC',
    '-Iinclude',
    '-DNDEBUG',
    '-g',
    '-c',
    '-o',
    `build/obj/file${i}.o`,
    `src/file${i}.c`,
  ],
  (i) => ['/bin/sh', '-c', `test -f /var/run/app-${i}.pid && kill -0 $(cat /var/run/app-${i}.pid)`],
  (i) => ['grep', '-rn', `needle${i}`, '/etc/app'],
  (i) => ['ls', '-la', `/home/user/project-${i}`],
  (i) => ['python3', '-m', 'app.worker', '--queue', `queue-${i % 32}`, '--log-level', 'info', '--id', `${i}`],
  (i) => ['date', '+%s', `--reference=/tmp/${i}`],
  (i) => ['git', '-C', `/srv/repo${i % 64}`, 'log', '--oneline', '-n', '20'],
  (i) => ['sed', '-e', `s/a${i}/b/g`, '-i', 'config.yaml'],
];

/** A fork and the exec in the child; one of 16 command lines holds a secret, one of 4 came over ssh. */
function execOf(i: number): Buffer[] {
  const args =
    i % 16 === 9
      ? ['curl', '-sS', '-H', `Authorization: Bearer abcdef${i}`, 'https://example.org/v1/items']
      : COMMANDS[i % 8]!(i);
  const [program = ''] = args;
  const image = exec({
    header: { tid: who(i).pid, comm: program.slice(0, 15), time: 6_500_000_000n + BigInt(i) * 1000n },
    who: { ...who(i), execId: 8n },
    inode: 1_000_000n + BigInt(i % 300),
    device: 8 << 20,
    argc: args.length,
    argvSize: args.join(' ').length + 1,
    executable: program.startsWith('/') ? program : `/usr/bin/${program}`,
    cwd: `/home/user/project-${i % 50}`,
    argv: args,
    ...(i % 4 === 0 && { environment: ['SSH_CONNECTION=192.168.1.7 50022 192.168.1.20 22'] }),
    stdin: { inode: 4n, mode: 0o020620, path: '/dev/pts/2' },
    stdout: { inode: 50_000n + BigInt(i), mode: 0o010600, path: '' },
    stderr: { inode: 99n, mode: 0o100644, path: '/var/log/app/error.log' },
  });
  return [forked(i), image];
}

function forked(i: number): Buffer {
  return fork({ header: { tid: who(i).pid, comm: 'bash', sequence: 0n }, who: who(i), originExecId: 7n });
}

/** A fork, and the end of the child: one of 16 killed. */
function exitOf(i: number): Buffer[] {
  const ended = exit({
    header: { tid: who(i).pid, comm: 'worker', time: 6_500_000_000n + BigInt(i) * 1000n },
    who: who(i),
    status: i % 16 === 3 ? 9 : (i % 4) << 8,
  });
  return [forked(i), ended];
}

function drain(groups: readonly Buffer[][]): Drain {
  const starts: number[] = [];
  let at = 0;
  for (const record of groups.flat()) {
    starts.push((at + processExec.who.start.offset) / 4);
    at += record.length;
  }
  return { bytes: Buffer.concat(groups.flat()), events: groups.length, starts };
}

/** The workload of one kind of event. */
export function workload(kind: Kind): Workload {
  const make = { connect: connectOf, file: fileOf, exec: execOf, exit: exitOf }[kind];
  const drains: Drain[] = [];
  let open: Buffer[][] = [];
  let size = 0;
  for (let i = 0; i < EVENTS; i++) {
    const group = make(i);
    const bytes = group.reduce((sum, record) => sum + record.length, 0);
    if (size + bytes > BATCH_BYTES) {
      drains.push(drain(open));
      open = [];
      size = 0;
    }
    open.push(group);
    size += bytes;
  }
  drains.push(drain(open));
  const still = kind === 'connect' || kind === 'file' ? drains.map((d) => ({ ...d, starts: [] })) : drains;
  return { introductions: { ...drain([introductions()]), starts: [] }, drains: still };
}
