// SPDX-License-Identifier: Apache-2.0
// The promise of the encoder: the bytes that we put straight from the ring equal those that the official serializer
// makes of the readable event, for whole requests. Which values come out is left to columns.test.ts and the kernel
// tests; more values than here: test/fuzz/columns.test.ts.
import assert from 'node:assert/strict';
import {
  ExecFlag,
  Injection,
  ModuleFlag,
  MountOperation,
  NamespaceCall,
  SocketFlag,
} from '../../../src/decode/layout.gen.ts';
import { MESSAGES } from '../../support/dns-messages.ts';
import {
  BIND_FLAGS,
  CONNECT_FLAGS,
  DNS_FLAGS,
  FILE_FLAGS,
  MODULE_FLAGS,
  PTRACE_FLAGS,
} from '../../support/interesting.ts';
import { EVENTS, LANES, straightAndReadable } from '../../support/lanes.ts';
import { officialRequest } from '../../support/official.ts';
import {
  bind,
  bpfLoad,
  connect,
  credentialChange,
  dnsAnswer,
  dnsQuery,
  dnsSegment,
  exec,
  exit,
  FILE_TYPES,
  file,
  fork,
  helperChange,
  introduction,
  kexecLoad,
  moduleLoad,
  mount,
  namespaceChange,
  parameterChange,
  ptrace,
  socketConnect,
} from '../../support/records.ts';

const V6 = Buffer.from('20010db8000000000001000000000001', 'hex');
const BAD = Buffer.from('caf\xe9\\ \xff', 'latin1');
const S_IFIFO = 0o010600;
const S_IFSOCK = 0o140777;

/** Each is a little story: what user space was told before it makes the blocks. */
const STORIES: Readonly<Record<string, readonly Buffer[]>> = {
  'a plain exec': [
    exec({ executable: '/usr/bin/ls', cwd: '/root', argv: ['ls', '-l'], argc: 2, argvSize: 6 }),
  ],
  'an exec with everything': [
    exec({
      header: { tid: 4101, comm: BAD, cpu: 65535, sequence: BigInt(Number.MAX_SAFE_INTEGER) },
      who: { suid: 0, vpid: 7, pidNs: 99, nodename: BAD, auditSession: 0xffffffff, loginUid: 0xffffffff },
      executable: Buffer.concat([Buffer.from('/opt/'), BAD]),
      flags: ExecFlag.MEMFD | ExecFlag.DELETED | ExecFlag.ARGV_TRUNCATED,
      cwd: BAD,
      argv: ['curl', '-u', 'bob:hunter2', BAD, '', 'ünï', '--token', 'abc'],
      argc: 8,
      argvSize: 4_000_000_000,
      environment: [
        'LD_PRELOAD=/tmp/x.so',
        Buffer.concat([Buffer.from('SSH_CONNECTION='), BAD]),
        'MY_TOKEN=abc',
      ],
      script: 'run.sh',
      interpreter: '/bin/sh',
      stdin: { mode: S_IFIFO, inode: (1n << 64n) - 1n, path: 'x' },
      stdout: { mode: S_IFSOCK, inode: 17n, path: 'TCP' },
      stderr: { mode: 0o100644, inode: 18n, path: BAD },
    }),
  ],
  'an exec of which nothing is known': [
    exec({ who: { tty: 0, groupLeader: 0, sessionLeader: 0 }, header: { comm: '' } }),
  ],
  'an exec that failed': [
    exec({
      argv: ['ls', BAD, '--token', 'abc'],
      script: 'bin/ls',
      cwd: '/root',
      executable: BAD,
      flags: ExecFlag.FAILED | ExecFlag.ARGV_TRUNCATED,
      result: -2,
    }),
    exec({ argv: ['ls'], script: 'bin/ls', cwd: '/root', flags: ExecFlag.FAILED, result: -13 }),
  ],
  'an exec with the longest argv': [exec({ argv: Array.from({ length: 32_000 }, () => ''), argc: 32_000 })],
  'an exec with a variable that comes twice and one without a usable name': [
    exec({
      environment: [
        'LD_PRELOAD=a',
        'X=1',
        Buffer.concat([Buffer.from('LD_PRELOAD='), BAD]),
        'ä=1',
        `${'N'.repeat(99)}=1`,
      ],
    }),
  ],
  'an exit with a code': [exit({ status: 3 << 8 })],
  'an exit by a signal with a core dump': [introduction({ executable: '/bin/x' }), exit({ status: 0x8b })],
  'an exit by a real-time signal': [exit({ status: 64 })],
  'a connect with everything': [
    connect({
      daddr: V6,
      saddr: V6,
      family: 10,
      flags: CONNECT_FLAGS,
      result: -111,
      took: 1_234_567n,
      sport: 1,
      dport: 65535,
    }),
  ],
  'a connect over IPv4': [connect({ daddr: Uint8Array.of(180, 101, 49, 11), dport: 443, protocol: 17 })],
  'a connect of unknown protocol, family and errno': [
    connect({
      family: 99,
      protocol: 132,
      flags: CONNECT_FLAGS,
      result: -4000,
      took: 1n,
      cookie: (1n << 64n) - 1n,
    }),
  ],
  ...Object.fromEntries(
    [...MESSAGES].flatMap(([name, message]) => [
      [`dns over UDP, asked: ${name}`, [dnsQuery({ message })]],
      [`dns over IPv6, answered: ${name}`, [dnsAnswer({ message, family: 10, flags: DNS_FLAGS, took: 1n })]],
    ]),
  ),
  'dns over TCP': [
    dnsSegment({ message: Buffer.concat([Buffer.of(0, 17), Buffer.alloc(17)]), flags: DNS_FLAGS, took: 1n }),
  ],
  'dns that is longer than what was captured': [
    dnsAnswer({
      message: MESSAGES.get('two addresses behind an alias')!,
      size: 5000,
      protocol: 99,
      family: 99,
    }),
  ],
  'a bind over IPv4': [bind({ addr: Uint8Array.of(127, 0, 0, 1), port: 22, flags: 2 })],
  'a bind with everything': [
    bind({ addr: V6, family: 10, protocol: 17, port: 65535, flags: BIND_FLAGS, result: -98 }),
  ],
  'a bind of which nothing is known': [bind({ family: 99, protocol: 132, flags: 1, result: -4000 })],
  'a process that becomes root': [
    credentialChange({
      who: { euid: 0 },
      permitted: 0x1ffffffffffn,
      effective: 0x1ffffffffffn,
      oldUid: 1000,
      oldEuid: 1000,
      oldSuid: 1000,
      oldEgid: 100,
      oldUserNs: 15,
    }),
  ],
  'a process that gains capabilities in a namespace of its own': [
    credentialChange({ permitted: (1n << 64n) - 1n, oldUid: 1000, oldEuid: 1000, oldSuid: 1000 }),
  ],
  'a ptrace with everything': [
    ptrace({
      address: (1n << 64n) - 1n,
      data: 0n,
      target: 7402,
      executable: BAD,
      flags: PTRACE_FLAGS,
      result: -3,
    }),
  ],
  'a ptrace of a process whose program was told before': [
    exec({ who: { pid: 7402, start: 77n, execId: 5n }, executable: BAD }),
    ptrace({ target: 7402, targetStart: 77n, targetExecId: 5n, flags: PTRACE_FLAGS }),
  ],
  'a child that asks to be traced': [ptrace({ injection: Injection.TRACEME, request: 0 })],
  'a request that is not known': [ptrace({ injection: 99 })],
  'a module with everything': [
    moduleLoad({ file: BAD, name: BAD, taints: (1n << 64n) - 1n, flags: MODULE_FLAGS, result: -129 }),
  ],
  'a module without taints': [
    moduleLoad({ file: '/a.ko', name: 'dummy', flags: ModuleFlag.KNOWN | ModuleFlag.SIGNED }),
  ],
  'a module of which nothing is known': [moduleLoad({ result: -38 })],
  'a BPF program': [bpfLoad({ id: 4_000_000_000, type: 26, name: 'sixteen_letters_' })],
  'a BPF program without a name, of a type to come': [bpfLoad({ id: 1, type: 77 })],
  'a BPF program that was refused': [bpfLoad({ result: -1 })],
  'namespaces that all changed': [
    namespaceChange({
      childStart: (1n << 64n) - 1n,
      child: 7402,
      call: NamespaceCall.CLONE,
      types: 255,
      now: { mnt: 0xffffffff, net: 1, uts: 2, ipc: 3, pid: 4, cgroup: 5, time: 6, user: 7 },
      before: { mnt: 11, net: 12, uts: 13, ipc: 14, pid: 15, cgroup: 16, time: 17, user: 0 },
    }),
  ],
  'a setns that failed': [namespaceChange({ call: NamespaceCall.SETNS, types: 1, result: -1 })],
  'an unshare of which nothing is known': [namespaceChange({ call: 99, types: 0, result: -22 })],
  'a mount with everything': [
    mount({
      operation: MountOperation.BIND,
      flags: 0xffffffff,
      facts: 7,
      result: -1,
      path: '/srv',
      name: BAD,
      source: BAD,
      type: BAD,
    }),
  ],
  'a mount without a place': [mount({ operation: MountOperation.FSMOUNT, source: 'x', type: 'tmpfs' })],
  'a mount of which nothing is known': [mount({ operation: 99, result: -38 })],
  'a parameter with everything': [
    parameterChange({ name: 'kernel/core_pattern', value: BAD, oldValue: BAD, flags: 1 }),
  ],
  'a parameter without a name': [parameterChange({})],
  'a helper': [helperChange({ path: BAD }), helperChange({})],
  'kernels to come': [
    kexecLoad({ file: BAD, initrd: '/boot/initrd', flags: 0, result: -8 }),
    kexecLoad({ flags: 1 }),
    kexecLoad({ flags: 2 }),
    kexecLoad({ flags: 7 }),
  ],
  'sockets of every kind': [
    ...[1, 2, 10, 16, 40, 99].map((family) =>
      socketConnect({
        family,
        type: 1,
        protocol: 15,
        peer: 0xffffffff,
        peerPort: 0xffffffff,
        addr: Buffer.alloc(16, 0xfd),
        flags: SocketFlag.PEER_KNOWN | SocketFlag.UNVERIFIED | SocketFlag.FAILED,
        result: -111,
        path: '/run',
        name: BAD,
      }),
    ),
    socketConnect({ family: 1, flags: SocketFlag.PEER_KNOWN | SocketFlag.ABSTRACT, name: BAD }),
    socketConnect({ family: 1, flags: SocketFlag.RESULT_UNKNOWN, type: 77 }),
  ],
  'files of which all is known': FILE_TYPES.map((type) =>
    file(
      {
        path: '/srv/new',
        oldPath: '/srv/old',
        target: '../x',
        inode: (1n << 64n) - 1n,
        mode: 0o104755,
        owner: 0xffffffff,
      },
      type,
    ),
  ),
  'files that are unresolved, of any bytes': FILE_TYPES.map((type) =>
    file(
      { path: BAD, name: BAD, oldPath: '/srv', oldName: BAD, target: BAD, flags: FILE_FLAGS, mode: 0 },
      type,
    ),
  ),
  'files with the longest paths': FILE_TYPES.map((type) =>
    file(
      { path: `/${'p'.repeat(4094)}`, name: 'é'.repeat(2047), oldPath: '/', oldName: '/x', mode: 0o100600 },
      type,
    ),
  ),
  'a file of which nothing is known': [file({ mode: 0 })],
  'a connect of a child that never execs': [
    introduction({ who: { pid: 4000, start: 4_000_000_000n }, executable: '/usr/sbin/sshd' }),
    fork({ originExecId: 7n }),
    connect(),
  ],
};

for (const lane of LANES) {
  describe(`records of ${lane.name}`, () => {
    for (const [name, records] of Object.entries(STORIES)) {
      it(`are byte for byte those of the official serializer: ${name}`, () => {
        const { straight, readable } = straightAndReadable(lane, records);
        assert.equal(straight.length, 1);
        assert.deepEqual(straight[0], officialRequest(readable));
      });
    }

    it('are so when they come again, and what is made of them is remembered', () => {
      const [words, secret] = [['ls', 'a b', '', 'x'.repeat(130)], 'A_TOKEN=abc'];
      const some = [
        exec({ executable: '/bin/ls', cwd: '/a', argv: words, environment: ['LD_PRELOAD=/x.so', 'X='] }),
        exec({ executable: '/bin/ls', cwd: '/b', argv: [...words, '--token', 'x'], environment: [secret] }),
        exec({ executable: '/bin/ls', flags: ExecFlag.DELETED, cwd: BAD, environment: [BAD] }),
        exec({ executable: '/bin/ls', flags: ExecFlag.MEMFD, stdin: { path: '/dev/null' } }),
        exec({ executable: BAD, stdout: { path: '/dev/null' }, stderr: { path: 'anon' } }),
        exec({ executable: '/opt/ä', cwd: '/ä', argv: ['ä'.repeat(70), 'z'.repeat(150)] }),
        ...STORIES['an exec with everything']!,
      ];
      const { straight, readable } = straightAndReadable(lane, [...some, ...some, ...some, ...some]);
      assert.deepEqual(straight[0], officialRequest(readable));
    });

    it('are so for many in one request', () => {
      const { straight, readable } = straightAndReadable(lane, Object.values(STORIES).flat());
      assert.equal(straight.length, 1);
      assert.ok(readable.length >= Object.keys(STORIES).length);
      assert.deepEqual(straight[0], officialRequest(readable));
    });
  });
}

describe('a duration of whole seconds', () => {
  // The serializer knows JS numbers only and writes an int; a backend would see the attribute change its type.
  for (const [name, record] of Object.entries({
    'process.duration': exit({ header: { time: 7_000_000_000n } }),
    'network.connect.duration': connect({ took: 2_000_000_000n, flags: CONNECT_FLAGS }),
  })) {
    it(`stays a double: agentsmith.${name}`, () => {
      const { straight, readable } = straightAndReadable(LANES[0]!, [record]);
      const attributes = readable[0]!.attributes;
      assert.equal(attributes[`agentsmith.${name}`], 2);
      // The same record with a half more: then the official bytes hold a double, and eight bytes tell which.
      const half = officialRequest([
        { ...readable[0]!, attributes: { ...attributes, [`agentsmith.${name}`]: 2.5 } },
      ]);
      const [two, twoAndHalf] = [2, 2.5].map((value) => {
        const bytes = Buffer.alloc(9, 0x21);
        bytes.writeDoubleLE(value, 1);
        return bytes;
      });
      const at = half.indexOf(twoAndHalf!);
      assert.ok(at > 0);
      two!.copy(half, at);
      assert.deepEqual(straight[0], half);
    });
  }
});

it('every event has its stories here', () => {
  const told = straightAndReadable(LANES[0]!, Object.values(STORIES).flat()).readable.map(
    (event) => event.eventName,
  );
  assert.deepEqual(new Set(told), new Set(EVENTS.map((event) => event.name)));
});
