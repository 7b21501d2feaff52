// SPDX-License-Identifier: Apache-2.0
// Which values come out of a record, and under which names. That the straight bytes are the same: straight.test.ts;
// that the kernel fills the records rightly: test/kernel.
import assert from 'node:assert/strict';
import * as incubating from '@opentelemetry/semantic-conventions/incubating';
import {
  BindFlag,
  ConnectFlag,
  EventType,
  ExecFlag,
  FileFlag,
  Injection,
  ModuleFlag,
  MountOperation,
  NamespaceCall,
  Program,
  PtraceFlag,
  SocketFlag,
} from '../../../src/decode/layout.gen.ts';
import { BLOCK } from '../../../src/enrich/process-block.ts';
import type { ReadableEvent } from '../../../src/events/event.ts';
import * as semconv from '../../../src/semconv.ts';
import { MESSAGES } from '../../support/dns-messages.ts';
import { EVENTS, LANES, straightAndReadable } from '../../support/lanes.ts';
import {
  bind,
  bpfLoad,
  connect,
  credentialChange,
  dnsAnswer,
  dnsQuery,
  exec,
  exit,
  file,
  introduction,
  moduleLoad,
  mount,
  namespaceChange,
  parameterChange,
  ptrace,
  socketConnect,
} from '../../support/records.ts';

const [standard] = LANES;
const lean = LANES.find((lane) => lane.name.startsWith('detail lean'));
const all = LANES.find((lane) => lane.name.startsWith('detail all'));
const shown = LANES.find((lane) => lane.name.endsWith('shown'));

function readable(record: Buffer, lane = standard): ReadableEvent {
  const [event] = straightAndReadable(lane!, [record]).readable;
  return event!;
}

const BAD = Buffer.from('\xff', 'latin1');
const FAILED = ConnectFlag.FAILED | ConnectFlag.RESULT_KNOWN | ConnectFlag.TOOK_KNOWN;
const V4 = Uint8Array.of(180, 101, 49, 11);

describe('process.exec', () => {
  it('tells what runs, with which arguments, where, for whom', () => {
    const { attributes, body, eventName, severityNumber, time } = readable(
      exec({
        executable: '/bin/dash',
        argv: ['sh', '-c', 'run me'],
        argc: 3,
        argvSize: 13,
        flags: ExecFlag.ARGV_TRUNCATED,
        cwd: '/root',
        script: 'x.sh',
        interpreter: '/bin/sh',
        environment: ['LD_PRELOAD=/tmp/x.so'],
        stdin: { mode: 0o020620, path: '/dev/pts/0' },
        stdout: { mode: 0o010600, inode: 77n, path: '' },
        stderr: { mode: 0o100600, inode: 78n, path: '[eventfd]' },
      }),
    );
    assert.equal(eventName, 'agentsmith.process.exec');
    assert.equal(severityNumber, 9);
    assert.equal(time, 1_763_000_006_623_456_789n);
    assert.equal(body, 'sh -c run me');
    const expected = {
      'process.command_args': ['sh', '-c', 'run me'],
      'process.args_count': 3,
      'agentsmith.process.command_args.size': 13,
      'agentsmith.process.command_args.truncated': true,
      'process.working_directory': '/root',
      'agentsmith.process.stdin.path': '/dev/pts/0',
      'agentsmith.process.stderr.path': 'anon_inode:[eventfd]',
      'agentsmith.process.script.path': '/root/x.sh',
      'agentsmith.process.interpreter.path': '/bin/sh',
      'agentsmith.process.ancestry': ['4000:init'],
      'process.environment_variable.LD_PRELOAD': '/tmp/x.so',
      'thread.name': 'worker',
      'agentsmith.data_type': 59,
      'agentsmith.event.cpu': 1,
      'agentsmith.event.sequence': 1_763_770_000_000_042,
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(attributes[name], value, name);
    assert.ok(!('agentsmith.event.hook' in attributes) && !('thread.id' in attributes));
  });

  it('tells the thread only where it is not the first, and the hook only when all is asked for', () => {
    const { attributes } = readable(exec({ header: { tid: 4101, program: Program.process_exec } }), all);
    assert.equal(attributes['thread.id'], 4101);
    assert.equal(attributes['agentsmith.event.hook'], 'tp_btf/process_exec');
  });

  it('hides secrets, and shows them when told to', () => {
    const record = exec({
      argv: ['curl', '-u', 'bob:hunter2'],
      environment: ['MY_TOKEN=abc'],
    });
    const hidden = readable(record);
    assert.deepEqual(hidden.attributes['process.command_args'], ['curl', '-u', 'bob:[redacted]']);
    assert.equal(hidden.attributes['process.environment_variable.MY_TOKEN'], '[redacted]');
    const names = ['process.command_args', 'process.environment_variable.MY_TOKEN'];
    assert.deepEqual(hidden.attributes['agentsmith.redacted'], names);
    assert.equal(hidden.body, 'curl -u bob:[redacted]');
    const open = readable(record, shown).attributes;
    assert.deepEqual(open['process.command_args'], ['curl', '-u', 'bob:hunter2']);
    assert.ok(!('agentsmith.redacted' in open));
  });

  it('shows the last of a variable that comes twice, as the dynamic linker takes it', () => {
    const { attributes } = readable(exec({ environment: ['LD_PRELOAD=/a', 'LD_PRELOAD=/b'] }));
    assert.equal(attributes['process.environment_variable.LD_PRELOAD'], '/b');
  });

  it('cuts a long summary and says so', () => {
    const { body } = readable(exec({ argv: ['x'.repeat(300)] }));
    assert.equal(body, `${'x'.repeat(199)}…`);
  });
});

describe('process.exec that failed', () => {
  const failed = (values: Parameters<typeof exec>[0]) =>
    readable(
      exec({ argv: ['ls', '-l'], argc: 2, argvSize: 6, flags: ExecFlag.FAILED, result: -2, ...values }),
    );

  it('tells what was asked for, and that it is the word of the caller', () => {
    const { attributes, body } = failed({ script: 'bin/ls', cwd: '/root' });
    const expected = {
      'process.command_args': ['ls', '-l'],
      'process.args_count': 2,
      'error.type': 'ENOENT',
      'file.path': '/root/bin/ls',
      'agentsmith.file.unresolved': true,
      'agentsmith.unverified': ['process.command_args', 'file.path'],
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(attributes[name], value, name);
    assert.ok(!('agentsmith.process.script.path' in attributes));
    assert.equal(body, 'ls -l: ENOENT');
  });

  it('starts a relative path where execveat does', () => {
    assert.equal(
      failed({ script: 'ls', cwd: '/root', executable: '/bin' }).attributes['file.path'],
      '/bin/ls',
    );
    assert.equal(failed({ script: '/x/ls', executable: '/bin' }).attributes['file.path'], '/x/ls');
    assert.equal(failed({ executable: '/bin/ls' }).attributes['file.path'], '/bin/ls');
    assert.ok(!('file.path' in failed({ cwd: '/root' }).attributes));
  });

  it('does not count arguments that were not read', () => {
    const { attributes } = failed({ flags: ExecFlag.FAILED | ExecFlag.ARGV_TRUNCATED });
    assert.ok(!('process.args_count' in attributes));
    assert.ok(!('agentsmith.process.command_args.size' in attributes));
    assert.equal(attributes['agentsmith.process.command_args.truncated'], true);
  });

  it('leaves the process the image that it had', () => {
    const records = [introduction({ executable: '/bin/bash' }), exec({ flags: ExecFlag.FAILED, result: -2 })];
    const [event] = straightAndReadable(standard!, records).readable;
    assert.equal(event!.attributes['process.executable.path'], '/bin/bash');
  });
});

describe('process.exit', () => {
  it('tells a code or a signal, never both', () => {
    const code = readable(exit({ status: 3 << 8 }));
    assert.equal(code.attributes['process.exit.code'], 3);
    assert.ok(!('agentsmith.process.exit.signal' in code.attributes));
    assert.equal(code.body, 'exit 3 after 1.5 s');
    assert.equal(code.severityNumber, 5);
    const signal = readable(exit({ status: 0x80 | 11 }));
    assert.equal(signal.attributes['agentsmith.process.exit.signal'], 'SIGSEGV');
    assert.equal(signal.attributes['agentsmith.process.core_dumped'], true);
    assert.ok(!('process.exit.code' in signal.attributes));
    assert.equal(signal.body, 'SIGSEGV after 1.5 s');
  });
});

describe('network.connect', () => {
  it('tells the final result of an attempt', () => {
    const record = connect({
      daddr: V4,
      dport: 1025,
      sport: 40_000,
      result: -111,
      flags: FAILED,
      took: 1_500_000n,
      cookie: 9n,
    });
    const { attributes, body } = readable(record);
    const expected = {
      'network.transport': 'tcp',
      'network.type': 'ipv4',
      'network.peer.address': '180.101.49.11',
      'network.peer.port': 1025,
      'network.local.port': 40_000,
      'agentsmith.network.connect.result': -111,
      'error.type': 'ECONNREFUSED',
      'agentsmith.network.connect.duration': 0.0015,
      'agentsmith.network.connect.id': '9',
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(attributes[name], value, name);
    for (const name of ['pending', 'fd', 'local.address', 'mapped']) {
      assert.ok(
        !Object.keys(attributes).some((key) => key.startsWith('agentsmith.network') && key.endsWith(name)),
        name,
      );
    }
    assert.equal(body, '→ 180.101.49.11:1025 ECONNREFUSED');
  });

  it('says _OTHER where only the failure is known, and nothing where it succeeded', () => {
    assert.equal(readable(connect({ flags: ConnectFlag.FAILED })).attributes['error.type'], '_OTHER');
    assert.equal(readable(connect({ flags: FAILED, result: -3999 })).attributes['error.type'], '_OTHER');
    assert.ok(!('error.type' in readable(connect({ flags: ConnectFlag.RESULT_KNOWN })).attributes));
  });

  it('shows an IPv6 address in brackets before its port', () => {
    const { attributes, body } = readable(connect({ family: 10, daddr: Buffer.alloc(16, 1), dport: 53 }));
    assert.equal(attributes['network.type'], 'ipv6');
    assert.equal(body, '→ [101:101:101:101:101:101:101:101]:53');
  });

  it('is short where it is lean', () => {
    const { attributes } = readable(connect(), lean);
    assert.ok(!('process.user.name' in attributes) && !('thread.name' in attributes));
    assert.ok('process.user.id' in attributes);
  });
});

describe('dns', () => {
  const message = (name: string) => MESSAGES.get(name)!;

  it('tells what was asked and answered, in a line', () => {
    for (const [name, query, answer] of [
      ['two addresses behind an alias', 'A www.example.com', 'A www.example.com → 2 addresses'],
      ['names of mail and service hosts', 'MX example.com', 'MX example.com → a.b'],
      ['a name that does not exist', 'A www.example.com', 'A www.example.com → NXDOMAIN'],
      ['a version that is not known', 'A www.example.com', 'A www.example.com → BADVERS'],
      ['a refusal without the question', 'no question', 'no question → FORMERR'],
      ['a text', 'A www.example.com', 'A www.example.com → nothing'],
      ['a name of 256 bytes', /^malformed x+\.x+\.x+$/, /^malformed x+\.x+\.x+ → nothing$/],
      ['nothing', 'malformed', 'malformed → nothing'],
      ['a type without a name', 'TYPE65280 x', 'TYPE65280 x → nothing'],
    ] as const) {
      for (const [record, text] of [
        [dnsQuery({ message: message(name) }), query],
        [dnsAnswer({ message: message(name) }), answer],
      ] as const) {
        const { body } = readable(record);
        if (typeof text === 'string') assert.equal(body, text, name);
        else assert.match(body!, text, name);
      }
    }
  });

  it('takes the direction from the kernel: a message that says another is malformed', () => {
    const said = (record: Buffer) => readable(record).attributes['agentsmith.dns.malformed'];
    assert.equal(said(dnsQuery({ message: message('a query') })), undefined);
    assert.equal(said(dnsAnswer({ message: message('a query') })), true);
    assert.equal(said(dnsQuery({ message: message('a name that does not exist') })), true);
    assert.equal(said(dnsAnswer({ message: message('a name that does not exist') })), undefined);
  });

  it('says that a message is longer than what was captured, and not that it is malformed', () => {
    const whole = message('two addresses behind an alias');
    const { attributes } = readable(dnsAnswer({ message: whole.subarray(0, 80), size: whole.length }));
    assert.equal(attributes['agentsmith.dns.message.truncated'], true);
    assert.equal(attributes['agentsmith.dns.message.size'], whole.length);
    assert.ok(!('agentsmith.dns.malformed' in attributes));
  });
});

describe('network.bind', () => {
  const known = BindFlag.ADDRESS_KNOWN;

  it('tells address and port', () => {
    const { attributes, body } = readable(bind({ addr: V4, port: 22, flags: known }));
    assert.equal(attributes['network.local.address'], '180.101.49.11');
    assert.equal(attributes['network.local.port'], 22);
    assert.equal(body, '180.101.49.11:22 tcp');
    for (const name of ['error.type', 'agentsmith.unverified', 'agentsmith.network.mapped'])
      assert.ok(!(name in attributes), name);
  });

  it('marks the address of one that failed, where there is any', () => {
    const flags = BindFlag.FAILED | known;
    const { attributes, body } = readable(bind({ addr: V4, port: 22, flags, result: -98, protocol: 17 }));
    assert.deepEqual(attributes['agentsmith.unverified'], ['network.local.address', 'network.local.port']);
    assert.equal(body, '180.101.49.11:22 udp EADDRINUSE');
    const unknown = readable(bind({ flags: BindFlag.FAILED, result: -14 })).attributes;
    assert.equal(unknown['error.type'], 'EFAULT');
    assert.ok(!('network.local.address' in unknown) && !('agentsmith.unverified' in unknown));
  });
});

describe('process.credential.change', () => {
  const before = { oldUid: 1000, oldEuid: 1000, oldSuid: 1000, oldEgid: 100, oldUserNs: 15 };

  for (const [what, values, severity, body] of [
    ['becomes root', { who: { euid: 0 } }, 14, '1000 → 0'],
    ['becomes root for real', { who: { uid: 0 } }, 13, '1000 gains real user 0'],
    ['may become root', { who: { suid: 0 } }, 13, '1000 gains saved user 0'],
    ['gains a capability', { permitted: 0x20n, effective: 0x20n }, 13, '1000 gains capabilities 20'],
    ['gains one in its own namespace', { permitted: 1n, oldUserNs: 99 }, 9, '1000 gains capabilities 1'],
  ] as const) {
    it(`weighs a process that ${what}`, () => {
      const record = readable(credentialChange({ ...before, ...values }));
      assert.equal(record.severityNumber, severity);
      assert.equal(record.body, body);
    });
  }

  it('shows capabilities as /proc does, the permitted ones where they say more', () => {
    const all = { permitted: 0x1ffffffffffn, oldPermitted: 0x1ffffffffffn, effective: 0x1ffffffffffn };
    const { attributes } = readable(credentialChange({ ...before, ...all }));
    assert.equal(attributes['agentsmith.process.capabilities'], '000001ffffffffff');
    assert.equal(attributes['agentsmith.process.credential.old.capabilities'], '0000000000000000');
    assert.ok(!('agentsmith.process.permitted_capabilities' in attributes));
    const gained = readable(credentialChange({ ...before, permitted: 1n })).attributes;
    assert.equal(gained['agentsmith.process.permitted_capabilities'], '0000000000000001');
  });
});

const own = (event: ReadableEvent, prefix: RegExp) =>
  Object.fromEntries(Object.entries(event.attributes).filter(([name]) => prefix.test(name)));

describe('process.ptrace', () => {
  const shown = /^agentsmith\.ptrace|^error/;

  it('tells what was asked for, with address and data, and of whom', () => {
    const event = readable(
      ptrace({
        injection: Injection.POKETEXT,
        request: 4,
        address: 0xffffffff81000000n,
        data: 0x90n,
        target: 7402,
        executable: '/usr/sbin/sshd',
        flags: PtraceFlag.ADDRESS_KNOWN | PtraceFlag.DATA_KNOWN | PtraceFlag.TARGET_KNOWN,
      }),
    );
    assert.deepEqual(own(event, shown), {
      'agentsmith.ptrace.request': 'PTRACE_POKETEXT',
      'agentsmith.ptrace.request_code': 4,
      'agentsmith.ptrace.address': '0xffffffff81000000',
      'agentsmith.ptrace.data': '0x90',
      'agentsmith.ptrace.target.pid': 7402,
      'agentsmith.ptrace.target.executable.path': '/usr/sbin/sshd',
    });
    assert.equal(event.body, 'PTRACE_POKETEXT 7402');
    assert.equal(event.severityNumber, 13);
  });

  it('names the program of a target that told it before, and of no other that had its number', () => {
    const target = exec({ who: { pid: 7402, start: 77n, execId: 5n }, executable: '/usr/sbin/sshd' });
    const into = (targetStart: bigint, targetExecId: bigint) =>
      ptrace({ target: 7402, targetStart, targetExecId, flags: PtraceFlag.IMAGE_KNOWN });
    const { readable } = straightAndReadable(standard!, [
      target,
      into(77n, 5n),
      into(78n, 5n),
      into(77n, 4n),
      ptrace({ target: 7402, targetStart: 77n, targetExecId: 5n }),
    ]);
    assert.deepEqual(
      readable.slice(1).map(({ attributes }) => attributes['agentsmith.ptrace.target.executable.path']),
      ['/usr/sbin/sshd', undefined, undefined, undefined],
    );
  });

  it('leaves out what is not known, and the number of what is no request', () => {
    const event = readable(ptrace({ injection: Injection.GETFD, request: 0, target: 0, result: -9 }));
    assert.deepEqual(own(event, shown), {
      'agentsmith.ptrace.request': 'pidfd_getfd',
      'error.type': 'EBADF',
    });
    assert.equal(event.body, 'pidfd_getfd EBADF');
  });

  it('is only INFO of a child that asks to be traced', () => {
    const record = ptrace({ injection: Injection.TRACEME, request: 0 });
    assert.equal(readable(record).severityNumber, 9);
  });
});

describe('kernel.module.load', () => {
  const shown = /^agentsmith\.kernel|^error|^file/;

  it('tells file, name, signature and taints', () => {
    const event = readable(
      moduleLoad({ name: 'dummy', file: '/lib/dummy.ko', taints: 0x3000n, flags: ModuleFlag.KNOWN }),
    );
    assert.deepEqual(own(event, shown), {
      'file.path': '/lib/dummy.ko',
      'agentsmith.kernel.module.name': 'dummy',
      'agentsmith.kernel.module.signed': false,
      'agentsmith.kernel.module.taints': 'OE',
    });
    assert.equal(event.body, 'dummy /lib/dummy.ko');
  });

  it('tells one from memory, and which was refused', () => {
    const memory = readable(
      moduleLoad({ name: 'x', flags: ModuleFlag.KNOWN | ModuleFlag.SIGNED | ModuleFlag.FROM_MEMORY }),
    );
    assert.deepEqual(own(memory, shown), {
      'agentsmith.kernel.module.from_memory': true,
      'agentsmith.kernel.module.name': 'x',
      'agentsmith.kernel.module.signed': true,
    });
    assert.equal(memory.body, 'x from memory');
    const refused = readable(moduleLoad({ file: '/tmp/a.ko', result: -129 }));
    assert.deepEqual(own(refused, shown), { 'file.path': '/tmp/a.ko', 'error.type': 'EKEYREJECTED' });
    assert.equal(readable(moduleLoad({ result: -9 })).body, 'no file EBADF');
  });
});

describe('process.namespace.change', () => {
  it('warns of who goes into namespaces of others, and names those that changed', () => {
    const entered = readable(
      namespaceChange({
        call: NamespaceCall.SETNS,
        types: 3,
        now: { mnt: 21, net: 22 },
        before: { mnt: 31 },
      }),
    );
    assert.equal(entered.severityNumber, 13);
    assert.equal(entered.body, 'setns mnt net');
    assert.deepEqual(own(entered, /namespace\.(c|new|old)/), {
      'agentsmith.namespace.call': 'setns',
      'agentsmith.namespace.changed': ['mnt', 'net'],
      'agentsmith.namespace.new.mnt.inode': '21',
      'agentsmith.namespace.old.mnt.inode': '31',
      'agentsmith.namespace.new.net.inode': '22',
    });
    assert.equal(readable(namespaceChange({ call: NamespaceCall.UNSHARE, types: 1 })).severityNumber, 9);
  });
});

describe('filesystem.mount', () => {
  it('marks what is the word of the caller, and that alone', () => {
    const event = readable(
      mount({ operation: MountOperation.MOUNT, facts: 7, path: '/srv', name: 'x', source: 'none' }),
    );
    assert.deepEqual(own(event, /mount|unverified|unresolved|file/), {
      'agentsmith.mount.operation': 'mount',
      'file.path': '/srv/x',
      'agentsmith.mount.source': 'none',
      'agentsmith.file.unresolved': true,
      'agentsmith.unverified': ['file.path', 'agentsmith.mount.source'],
    });
  });
});

describe('kernel.parameter.change', () => {
  it('warns where the kernel starts a program by it', () => {
    const grave = readable(
      parameterChange({ name: 'kernel/core_pattern', oldValue: 'core', value: '|/tmp/x' }),
    );
    assert.equal(grave.severityNumber, 13);
    assert.equal(grave.body, 'kernel/core_pattern: core → |/tmp/x');
    assert.equal(readable(parameterChange({ name: 'vm/swappiness', value: '1' })).severityNumber, 9);
  });
});

describe('network.socket.connect', () => {
  it('shows a name that is no file as ss does', () => {
    const flags = SocketFlag.PEER_KNOWN | SocketFlag.ABSTRACT;
    const event = readable(socketConnect({ family: 1, type: 1, flags, name: 'x\0y' }));
    assert.equal(event.attributes['network.peer.address'], '@x\0y');
  });
});

describe('kernel.bpf.load', () => {
  const shown = /^agentsmith\.bpf|^error/;

  it('tells type, name and id, and of one that was refused why', () => {
    const event = readable(bpfLoad({ id: 17, type: 2, name: 'sec_probe' }));
    assert.deepEqual(own(event, shown), {
      'agentsmith.bpf.program.name': 'sec_probe',
      'agentsmith.bpf.program.type': 'kprobe',
      'agentsmith.bpf.program.id': 17,
    });
    assert.equal(event.body, 'kprobe sec_probe');
    assert.equal(readable(bpfLoad({})).body, 'a program');
    const refused = readable(bpfLoad({ result: -524 }));
    assert.deepEqual(own(refused, shown), { 'error.type': 'ENOTSUPP' });
    assert.equal(refused.body, 'ENOTSUPP');
  });
});

describe('agentsmith.escaped', () => {
  it('names the attributes in the order of the record', () => {
    const { attributes } = readable(
      exec({
        argv: ['a', BAD],
        cwd: BAD,
        stdin: { mode: 0o100600, path: BAD },
        environment: [Buffer.concat([Buffer.from('LD_PRELOAD='), BAD])],
        executable: BAD,
        who: { nodename: BAD },
        header: { comm: BAD },
      }),
    );
    const escaped = attributes['agentsmith.escaped'] as string[];
    const expected = ['process.command_args', 'process.working_directory', 'agentsmith.process.stdin.path'];
    expected.push(
      'process.environment_variable.LD_PRELOAD',
      'process.executable.path',
      'process.executable.name',
    );
    expected.push('agentsmith.uts.nodename', 'thread.name');
    assert.deepEqual(escaped, expected);
    const order = Object.keys(attributes);
    assert.deepEqual(
      escaped,
      [...escaped].sort((a, b) => order.indexOf(a) - order.indexOf(b)),
    );
  });
});

describe('escaping', () => {
  const attribute = (record: Buffer, name: string) => readable(record).attributes[name];

  it('holds for a whole attribute: nothing in it can look like an escaped byte', () => {
    const args = attribute(exec({ argv: ['\\xff', BAD] }), 'process.command_args');
    assert.deepEqual(args, ['\\\\xff', '\\xff']);
    const pieces = attribute(
      exec({ argv: [Buffer.from('\\xff password=x1 \xff', 'latin1')] }),
      'process.command_args',
    );
    assert.match((pieces as string[])[0]!, /^\\\\xff password=\[redacted\]/);
  });

  it('is told also of a script whose directory was escaped', () => {
    const { attributes } = readable(exec({ cwd: Buffer.concat([Buffer.from('/'), BAD]), script: 'a\\b' }));
    assert.equal(attributes['agentsmith.process.script.path'], '/\\xff/a\\\\b');
    assert.ok((attributes['agentsmith.escaped'] as string[]).includes('agentsmith.process.script.path'));
  });
});

describe('the catalogue', () => {
  const names = new Set([
    ...EVENTS.flatMap((event) => Object.keys(event.attributes)),
    ...BLOCK.map((row) => row.key.name),
    ...Object.values(semconv).map((value) => (typeof value === 'function' ? value('LD_PRELOAD') : value)),
  ]);

  it('has no name that is a dotted prefix of another: document stores refuse such records', () => {
    const clashes = [...names].filter((name) => [...names].some((other) => other.startsWith(`${name}.`)));
    assert.deepEqual(clashes, []);
  });

  it('has lower-case dotted names only', () => {
    for (const name of names)
      assert.match(name, /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$|^process\.environment_variable\.\w+$/);
  });

  it('has the names of the semantic conventions as they are upstream', () => {
    const upstream = incubating as unknown as Record<string, unknown>;
    for (const [name, value] of Object.entries(semconv)) {
      if (!name.startsWith('ATTR_')) continue;
      assert.ok(name in upstream, `${name} is not upstream`);
      if (typeof value !== 'function') assert.equal(value, upstream[name], name);
      else assert.equal(value('X'), (upstream[name] as (key: string) => string)('X'), name);
    }
  });

  it('has one definition for each type and name', () => {
    assert.equal(new Set(EVENTS.map((event) => event.type)).size, EVENTS.length);
    assert.equal(new Set(EVENTS.map((event) => event.name)).size, EVENTS.length);
  });
});

describe('file events', () => {
  const ownOf = ({ attributes }: ReadableEvent) =>
    Object.fromEntries(Object.entries(attributes).filter(([name]) => /(^|\.)file\./.test(name)));

  it('tell the real path, and the file behind it', () => {
    const event = readable(file({ path: '/srv/new', inode: (1n << 60n) + 1n, mode: 0o104755, owner: 1000 }));
    assert.equal(event.eventName, 'agentsmith.file.create');
    assert.equal(event.attributes['agentsmith.data_type'], 602);
    assert.equal(event.body, '/srv/new');
    assert.deepEqual(ownOf(event), {
      'file.path': '/srv/new',
      'file.inode': '1152921504606846977',
      'file.mode': '4755',
      'file.owner.id': '1000',
    });
  });

  it('tell what the caller wrote behind its directory, and that it is unresolved', () => {
    const event = readable(
      file(
        { path: '/srv', name: 'new', oldPath: '/', oldName: '/old', flags: FileFlag.UNRESOLVED },
        EventType.FILE_RENAME,
      ),
    );
    assert.equal(event.body, '/old → /srv/new');
    assert.deepEqual(ownOf(event), {
      'file.path': '/srv/new',
      'agentsmith.file.old_path': '/old',
      'agentsmith.file.unresolved': true,
    });
  });

  it('tell where a symbolic link leads to, as it was written', () => {
    const event = readable(
      file({ path: '/srv/new', target: '../\xff', mode: 0o120777 }, EventType.FILE_SYMLINK),
    );
    assert.equal(event.attributes['file.symbolic_link.target_path'], '../\xff');
    assert.equal(event.body, '/srv/new → ../\xff');
  });

  it('come by default where something gets into place, not where it is common', () => {
    const off = EVENTS.filter(({ offByDefault }) => offByDefault).map(({ name }) => name);
    for (const what of ['symlink', 'delete', 'directory.create', 'node.create'])
      assert.ok(off.includes(`agentsmith.file.${what}`), what);
    for (const what of ['create', 'link', 'rename'])
      assert.ok(!off.includes(`agentsmith.file.${what}`), what);
  });

  it('show the end of a long path, and no half characters', () => {
    assert.equal(readable(file({ path: `/${'x'.repeat(300)}/leaf` })).body, `…${'x'.repeat(194)}/leaf`);
    const smile = readable(file({ path: `/${'😀'.repeat(60)}${'x'.repeat(198)}` }));
    assert.equal(smile.body, `…${'x'.repeat(198)}`);
  });
});
