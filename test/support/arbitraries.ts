// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { MESSAGES } from './dns-messages.ts';
import {
  BIND_FLAGS,
  CONNECT_FLAGS,
  DNS_FLAGS,
  EXEC_FLAGS,
  FILE_FLAGS,
  INTERESTING,
  MODULE_FLAGS,
  PTRACE_FLAGS,
} from './interesting.ts';
import type {
  BindValues,
  BpfValues,
  ConnectValues,
  CredentialValues,
  DnsValues,
  ExecValues,
  ExitValues,
  FileValues,
  ForkValues,
  HelperValues,
  KexecValues,
  ModuleValues,
  MountValues,
  NamespaceValues,
  ParameterValues,
  PtraceValues,
  SocketValues,
} from './records.ts';
import { FILE_TYPES } from './records.ts';

/*
 * Any record that the kernel could send: every byte in names, paths and arguments, extreme numbers, all flags. Only
 * what ebpf/events.h promises is kept: counters stay below 2^53.
 */

const numbers = (max: number) =>
  fc.oneof(fc.constantFrom(...INTERESTING.filter((n) => n <= max)), fc.nat({ max }));
const u16 = numbers(0xffff);
const u32 = numbers(0xffffffff);
const u64 = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  u32.map(BigInt),
  fc.constantFrom(0n, 1n, (1n << 53n) - 1n, 1n << 53n, (1n << 63n) - 1n, (1n << 64n) - 1n),
);
const counter = fc.oneof(fc.maxSafeNat(), numbers(0xffffffff)).map(BigInt);

/** Readable text, UTF-8 with all its lengths, and bytes that are no text. */
export const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.string({ maxLength: maxLength >> 2 }).map((s) => Buffer.from(s)) },
    {
      weight: 2,
      arbitrary: fc.string({ maxLength: maxLength >> 3, unit: 'grapheme' }).map((s) => Buffer.from(s)),
    },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength }) },
    {
      weight: 2,
      arbitrary: fc
        .array(
          fc.constantFrom(
            '\\',
            '\\x41',
            '\xff',
            '\xc3',
            '\xe2\x82',
            '\xf0\x9f\x98\x80',
            '\xed\xa0\x80',
            'a',
            '/',
          ),
          {
            maxLength: maxLength >> 2,
          },
        )
        .map((parts) => Buffer.from(parts.join(''), 'latin1')),
    },
  );

/** A path or what stands for one: rooted, unrooted (memfd), empty; names of any bytes but NUL and slash. */
export const path: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.constantFrom('/', '', '//'), fc.array(bytes(40), { maxLength: 4 }))
  .map(([start, names]) => {
    const clean = names.map((name) => Buffer.from(name).toString('latin1').replace(/[\0/]/g, '_'));
    return Buffer.from(start + clean.join('/'), 'latin1');
  });

const errnos = fc.oneof(
  fc.constantFrom(0, -111, -110, -4095, -(2 ** 31), 2 ** 31 - 1),
  fc.integer({ min: -133, max: 0 }),
);
const address = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.array(fc.constantFrom(0, 0, 1, 0xff), { minLength: 16, maxLength: 16 }).map((a) => Uint8Array.from(a)),
);

const header = fc.record({
  cpu: u16,
  time: u64,
  sequence: counter,
  tid: u32,
  comm: bytes(16),
});

const who = fc.record({
  start: u64,
  parentStart: u64,
  execId: fc.oneof(fc.constant(7n), u64),
  cgroup: u64,
  pid: u32,
  parentPid: u32,
  groupLeader: u32,
  sessionLeader: u32,
  vpid: u32,
  uid: u32,
  euid: u32,
  suid: u32,
  gid: u32,
  egid: u32,
  auditSession: u32,
  loginUid: u32,
  tty: fc.oneof(u32, fc.constantFrom(0, (136 << 20) | 7, (4 << 20) | 65, (204 << 20) | 64)),
  pidNs: fc.constantFrom(1, 11),
  mntNs: fc.constantFrom(2, 12),
  netNs: fc.constantFrom(3, 13),
  utsNs: fc.constantFrom(4, 14),
  userNs: u32,
  nodename: bytes(64),
});

const stdio = fc.record({
  inode: u64,
  path: fc.oneof(path, fc.constantFrom('', 'TCP', '[eventfd]', '/', '/dev/null')),
  mode: fc.oneof(u32, fc.constantFrom(0, 0o010600, 0o140777, 0o100644, 0o020620)),
});

const withoutNul = (value: Uint8Array) => Buffer.from(value).map((byte) => byte || 0x20);
const argument = fc.oneof(
  bytes(24).map(withoutNul),
  fc.constantFrom('', '--token', 'password=hunter2', 'curl', '-u', 'bob:x1', 'https://bob:x1@host/', '\\xff'),
);
const variable = fc.tuple(
  fc.constantFrom('LD_PRELOAD=', 'SSH_CONNECTION=', 'MY_TOKEN=', 'X=', '', '=', '\xff='),
  bytes(24).map(withoutNul),
);

export const execValues: fc.Arbitrary<ExecValues> = fc.record({
  header,
  who,
  inode: u64,
  device: u32,
  flags: fc.oneof(fc.nat({ max: EXEC_FLAGS }), u32),
  argc: u32,
  argvSize: u32,
  executable: path,
  cwd: path,
  argv: fc.oneof(fc.array(argument, { maxLength: 5 }), bytes(60)),
  environment: fc.array(
    variable.map(([name, value]) => Buffer.concat([Buffer.from(name, 'latin1'), value])),
    { maxLength: 4 },
  ),
  script: fc.oneof(path, fc.constant('')),
  interpreter: fc.oneof(path, fc.constant('')),
  stdin: stdio,
  stdout: stdio,
  stderr: stdio,
  result: errnos,
});

export const forkValues: fc.Arbitrary<ForkValues> = fc.record({ header, who, originExecId: u64 });

/** `duration` that is a whole number of seconds is an int to the official serializer: kept out, tested by hand. */
const fraction = (nanoseconds: bigint) =>
  Number.isInteger(Number(nanoseconds) / 1e9) ? nanoseconds ^ 1n : nanoseconds;

export const exitValues: fc.Arbitrary<ExitValues> = fc
  .record({ header, who, status: fc.oneof(fc.nat({ max: 0xffff }), u32) })
  .map((values) => {
    // Twenty years of uptime: beyond 2^53 ns a difference of one is lost in a double.
    const { time, ...rest } = values.header;
    const start = BigInt.asUintN(59, values.who.start);
    const lived = fraction(BigInt.asUintN(50, time) || 1n);
    return { ...values, header: { ...rest, time: start + lived }, who: { ...values.who, start } };
  })
  .filter(({ header, who }) => !Number.isInteger((Number(header.time) - Number(who.start)) / 1e9));

const result = fc.oneof(
  fc.constantFrom(0, -111, -110, -524, -4095, -(2 ** 31), 2 ** 31 - 1),
  fc.integer({ min: -133, max: 0 }),
);

export const connectValues: fc.Arbitrary<ConnectValues> = fc.record({
  header,
  who,
  cookie: u64,
  took: u64.map(fraction).filter((took) => !Number.isInteger(Number(took) / 1e9)),
  saddr: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  daddr: address,
  sport: u16,
  dport: u16,
  family: fc.oneof(fc.constantFrom(2, 10), u16),
  protocol: fc.oneof(fc.constantFrom(6, 17, 262), u16),
  result,
  fd: u32,
  flags: fc.oneof(fc.nat({ max: CONNECT_FLAGS }), u32),
});

/** A real message as it is, with some bytes changed, cut, or with another behind it; or any bytes. */
export const dnsMessages: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }).map((noise) => Buffer.from(noise)) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...MESSAGES.values()),
        fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 63, 64, 0xc0, 0xff))), {
          maxLength: 4,
        }),
        fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 60 })),
        fc.oneof(
          { weight: 3, arbitrary: fc.constant([]) },
          fc.array(fc.nat({ max: 255 }), { maxLength: 20 }),
        ),
      )
      .map(([message, changes, cut, behind]) => {
        const bytes = Buffer.concat([message, Buffer.from(behind)]);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes.subarray(0, bytes.length - Math.min(cut, bytes.length));
      }),
  },
);

const dnsOwn = {
  header,
  who,
  cookie: u64,
  took: u64.map(fraction).filter((took) => !Number.isInteger(Number(took) / 1e9)),
  saddr: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  daddr: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  sport: u16,
  dport: u16,
  family: fc.oneof(fc.constantFrom(2, 10), u16),
  protocol: fc.oneof(fc.constantFrom(6, 17), u16),
  fd: u32,
  flags: fc.oneof(fc.nat({ max: DNS_FLAGS }), u32),
};

export const dnsValues: fc.Arbitrary<DnsValues> = fc.oneof(
  fc.record({ ...dnsOwn, message: dnsMessages }),
  fc.record({ ...dnsOwn, message: dnsMessages, size: u32 }),
);

/** Pieces of a few connections, one behind the other or anyhow. */
export const dnsSegmentValues: fc.Arbitrary<DnsValues> = fc.record({
  ...dnsOwn,
  protocol: fc.constantFrom(6, 6, 6, 17),
  cookie: fc.constantFrom(1n, 2n),
  tcpSequence: fc.oneof(u32, fc.nat({ max: 40 })),
  message: fc.oneof(
    dnsMessages,
    dnsMessages.map((message) => Buffer.concat([Buffer.of(message.length >> 8, message.length), message])),
  ),
});

export const bindValues: fc.Arbitrary<BindValues> = fc.record({
  header,
  who,
  addr: address,
  port: u16,
  family: fc.oneof(fc.constantFrom(2, 10), u16),
  protocol: fc.oneof(fc.constantFrom(6, 17, 262), u16),
  result: errnos,
  flags: fc.oneof(fc.nat({ max: BIND_FLAGS }), u32),
});

const ids = fc.oneof(fc.constantFrom(0, 1000), u32);

export const credentialValues: fc.Arbitrary<CredentialValues> = fc.record({
  header,
  who: fc.tuple(who, ids, ids, ids).map(([values, uid, euid, suid]) => ({ ...values, uid, euid, suid })),
  permitted: u64,
  effective: u64,
  oldPermitted: u64,
  oldEffective: u64,
  oldUid: ids,
  oldEuid: ids,
  oldSuid: ids,
  oldEgid: ids,
  oldUserNs: u32,
});

export const ptraceValues: fc.Arbitrary<PtraceValues> = fc.record({
  header,
  who,
  targetStart: u64,
  targetExecId: u64,
  address: u64,
  data: u64,
  injection: fc.oneof(fc.nat({ max: 14 }), u32),
  request: u32,
  target: u32,
  executable: path,
  result,
  flags: fc.oneof(fc.nat({ max: PTRACE_FLAGS }), u32),
});

export const moduleValues: fc.Arbitrary<ModuleValues> = fc.record({
  header,
  who,
  taints: u64,
  file: path,
  result,
  flags: fc.oneof(fc.nat({ max: MODULE_FLAGS }), u32),
  name: bytes(56),
});

export const bpfValues: fc.Arbitrary<BpfValues> = fc.record({
  header,
  who,
  id: u32,
  type: fc.oneof(fc.nat({ max: 34 }), u32),
  result,
  name: bytes(16),
});

export const namespaceValues: fc.Arbitrary<NamespaceValues> = fc.record({
  header,
  who,
  childStart: u64,
  child: u32,
  call: fc.oneof(fc.nat({ max: 4 }), u32),
  types: fc.oneof(fc.nat({ max: 255 }), u32),
  result,
  now: fc.record({ mnt: u32, net: u32, uts: u32, ipc: u32, pid: u32, cgroup: u32, time: u32, user: u32 }),
  before: fc.record({ mnt: u32, net: u32, user: u32 }),
});

export const mountValues: fc.Arbitrary<MountValues> = fc.record({
  header,
  who,
  operation: fc.oneof(fc.nat({ max: 10 }), u32),
  flags: u32,
  facts: fc.oneof(fc.nat({ max: 7 }), u32),
  result,
  path,
  name: fc.oneof(path, fc.constant('')),
  source: bytes(300),
  type: bytes(64),
});

export const parameterValues: fc.Arbitrary<ParameterValues> = fc.record({
  header,
  who,
  name: fc.oneof(bytes(256), fc.constant('kernel/core_pattern')),
  value: bytes(1024),
  oldValue: bytes(1024),
  flags: u32,
});

export const helperValues: fc.Arbitrary<HelperValues> = fc.record({ header, who, path });

export const kexecValues: fc.Arbitrary<KexecValues> = fc.record({
  header,
  who,
  file: path,
  initrd: path,
  flags: fc.oneof(fc.nat({ max: 7 }), u32),
  result,
});

export const socketValues: fc.Arbitrary<SocketValues> = fc.record({
  header,
  who,
  addr: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  peer: u32,
  peerPort: u32,
  family: fc.oneof(fc.constantFrom(1, 2, 10, 16, 40), u16),
  type: fc.oneof(fc.nat({ max: 6 }), u16),
  protocol: u16,
  flags: fc.oneof(fc.nat({ max: 31 }), u32),
  result,
  path,
  name: fc.oneof(bytes(120), fc.constant('')),
});

/** With paths of every kind, each with and without a name behind it. */
export const fileValues: fc.Arbitrary<FileValues> = fc.record({
  header,
  who,
  inode: u64,
  mode: fc.oneof(u32, fc.constantFrom(0, 0o100644, 0o104755, 0o040700)),
  owner: u32,
  flags: fc.oneof(fc.nat({ max: FILE_FLAGS }), u32),
  path,
  name: fc.oneof(path, fc.constant('')),
  oldPath: path,
  oldName: fc.oneof(path, fc.constant('')),
  target: fc.oneof(bytes(300), fc.constant('')),
});

export const fileType: fc.Arbitrary<number> = fc.constantFrom(...FILE_TYPES);
