// SPDX-License-Identifier: Apache-2.0
// How a process looks in a record, and when its block is encoded. Which process it is: processes.test.ts.
import assert from 'node:assert/strict';
import { ExecFlag } from '../../../src/decode/layout.gen.ts';
import type { HostContext, Process } from '../../../src/enrich/process.ts';
import { Detail, readBlock } from '../../../src/enrich/process-block.ts';
import { Processes } from '../../../src/enrich/processes.ts';
import { HOST } from '../../support/lanes.ts';
import { decodeLogs } from '../../support/otlp-decode.ts';
import { batchOf, connect, exec, exit, introduction, WHO } from '../../support/records.ts';

const { LEAN, STANDARD, FULL } = Detail;

function seen(...records: Buffer[]): Process {
  const processes = new Processes();
  return Array.from(batchOf(records), (event) => processes.of(event)).at(-1)!;
}

const block = (process: Process, detail: Detail = STANDARD, host: HostContext = HOST) =>
  readBlock(process, detail, host);

describe('the process block', () => {
  it('tells who acts', () => {
    assert.deepEqual(block(seen(introduction({ executable: '/usr/sbin/nginx' }))), {
      'process.pid': 4100,
      'agentsmith.process.id': '4100-12a05f200',
      'agentsmith.process.parent.id': '4000-ee6b2800',
      'process.creation.time': '2025-11-13T02:13:25.123Z',
      'process.parent_pid': 4000,
      'process.group_leader.pid': 4100,
      'process.session_leader.pid': 4000,
      'process.executable.path': '/usr/sbin/nginx',
      'process.executable.name': 'nginx',
      'process.user.id': 1000,
      'process.user.name': 'jürgen',
      'process.real_user.id': 1000,
      'process.real_user.name': 'jürgen',
      'agentsmith.process.group.id': 100,
      'agentsmith.process.real_group.id': 100,
      'agentsmith.audit.session.id': 3,
      'agentsmith.audit.login_user.id': 1000,
      'process.interactive': true,
      'agentsmith.process.tty': '/dev/pts/2',
      'agentsmith.uts.nodename': 'host-1',
      'agentsmith.namespace.user.inode': '15',
      'agentsmith.cgroup.id': '81',
    });
  });

  it('is short where it is lean', () => {
    const process = seen(introduction({ executable: 'memfd:x', flags: ExecFlag.MEMFD | ExecFlag.DELETED }));
    assert.deepEqual(block(process, LEAN), {
      'process.pid': 4100,
      'agentsmith.process.id': '4100-12a05f200',
      'agentsmith.process.parent.id': '4000-ee6b2800',
      'process.creation.time': '2025-11-13T02:13:25.123Z',
      'process.parent_pid': 4000,
      'process.executable.path': 'memfd:x',
      'agentsmith.process.executable.deleted': true,
      'agentsmith.process.executable.memfd': true,
      'process.user.id': 1000,
    });
  });

  it('tells every namespace where it is full', () => {
    const full = block(seen(connect()), FULL);
    const names = ['pid', 'mnt', 'net', 'uts', 'user'].map(
      (name) => full[`agentsmith.namespace.${name}.inode`],
    );
    assert.deepEqual(names, ['11', '12', '13', '14', '15']);
  });

  it('has neither what is not known nor what is not so', () => {
    const unknown = {
      tty: 0,
      auditSession: 0xffffffff,
      loginUid: 0xffffffff,
      groupLeader: 0,
      sessionLeader: 0,
    };
    const attributes = block(seen(connect({ who: unknown })));
    const absent = [
      'process.executable.path',
      'process.executable.name',
      'agentsmith.process.executable.memfd',
    ];
    absent.push('agentsmith.process.tty', 'agentsmith.audit.session.id', 'agentsmith.audit.login_user.id');
    absent.push(
      'process.group_leader.pid',
      'process.session_leader.pid',
      'process.vpid',
      'process.saved_user.id',
    );
    for (const name of absent) assert.ok(!(name in attributes), name);
    assert.equal(attributes['process.interactive'], false);
  });

  it('tells effective, real and saved user apart', () => {
    const attributes = block(seen(connect({ who: { uid: 1000, euid: 0, suid: 7, vpid: 1 } })));
    assert.equal(attributes['process.user.id'], 0);
    assert.equal(attributes['process.user.name'], 'root');
    assert.equal(attributes['process.real_user.id'], 1000);
    assert.equal(attributes['process.saved_user.id'], 7);
    assert.equal(attributes['process.vpid'], 1);
  });

  it('has no user names for a process in another mount namespace: they would be those of the host', () => {
    const attributes = block(seen(connect({ who: { mntNs: 99 } })));
    assert.ok(!('process.user.name' in attributes) && !('process.real_user.name' in attributes));
  });

  it('has a node name of all 64 characters', () => {
    assert.equal(
      block(seen(connect({ who: { nodename: 'n'.repeat(64) } })))['agentsmith.uts.nodename'],
      'n'.repeat(64),
    );
  });

  it('keeps the time of birth when the clock steps', () => {
    const process = seen(connect());
    const before = block(process)['process.creation.time'];
    const offset = HOST.clock.offset;
    try {
      HOST.clock.offset = offset + 3_600_000_000_000n;
      assert.equal(block(process)['process.creation.time'], before);
    } finally {
      HOST.clock.offset = offset;
    }
  });
});

describe('the encoded block', () => {
  it('is what the readable one says', () => {
    for (const detail of [LEAN, STANDARD, FULL]) {
      const process = seen(exec({ executable: '/bin/sh' }));
      const [record] = decodeLogs(wrap(process.block(detail, HOST).bytes));
      assert.deepEqual(record!.attributes, block(process, detail));
    }
  });

  it('is encoded once for all events of an unchanged actor', () => {
    const processes = new Processes();
    const blocks = new Set<unknown>();
    for (const event of batchOf([
      introduction(),
      connect(),
      connect({ header: { tid: 9, comm: 'x' }, took: 5n }),
      exit(),
    ])) {
      blocks.add(processes.of(event).block(STANDARD, HOST));
    }
    assert.equal(blocks.size, 1);
  });

  const OTHER: Readonly<Record<string, number | bigint | string>> = {
    parentStart: 1n,
    execId: 8n,
    cgroup: 82n,
    parentPid: 1,
    groupLeader: 1,
    sessionLeader: 4100,
    vpid: 3,
    uid: 0,
    euid: 0,
    suid: 0,
    gid: 0,
    egid: 0,
    auditSession: 4,
    loginUid: 0,
    tty: 0,
    pidNs: 99,
    mntNs: 99,
    netNs: 99,
    utsNs: 99,
    userNs: 99,
    nodename: 'host-2',
  };

  it('knows all that can change in an actor', () => {
    const identity = ['pid', 'start'];
    assert.deepEqual([...Object.keys(OTHER), ...identity].sort(), Object.keys(WHO).sort());
  });

  for (const [name, value] of Object.entries(OTHER)) {
    it(`is encoded again when ${name} changed, and only then`, () => {
      const processes = new Processes();
      const changed = { who: { [name]: value } };
      const records = [
        introduction({ executable: '/bin/sh' }),
        connect(),
        connect(changed),
        connect(changed),
        connect(),
      ];
      const blocks = Array.from(batchOf(records), (event) => processes.of(event).block(STANDARD, HOST));
      assert.equal(blocks[0], blocks[1]);
      assert.notEqual(blocks[1], blocks[2]);
      assert.equal(blocks[2], blocks[3]);
      assert.notDeepEqual(blocks[1]!.bytes, blocks[2]!.bytes);
      assert.deepEqual(blocks[4]!.bytes, blocks[0]!.bytes);
    });
  }

  it('names what was escaped', () => {
    const bad = Buffer.from('/opt/\xff', 'latin1');
    const process = seen(introduction({ executable: bad, who: { nodename: bad } }));
    const path = ['process.executable.path'];
    assert.deepEqual(process.block(LEAN, HOST).escaped, path);
    const all = [...path, 'process.executable.name', 'agentsmith.uts.nodename'];
    assert.deepEqual(process.block(STANDARD, HOST).escaped, all);
  });

  it('has room for the longest path with the longest escapes', () => {
    const longest = Buffer.alloc(4100, 0xff);
    const process = seen(introduction({ executable: longest, who: { nodename: Buffer.alloc(64, 0xff) } }));
    const [record] = decodeLogs(wrap(process.block(FULL, HOST).bytes));
    assert.deepEqual(record!.attributes, block(process, FULL));
    assert.equal((record!.attributes['process.executable.path'] as string).length, 4 * 4100);
  });
});

/** Attributes as they stand in a LogRecord, in a request of their own. */
function wrap(attributes: Uint8Array): Buffer {
  const field = (tag: number, bytes: Uint8Array) => {
    const length: number[] = [];
    for (let rest = bytes.length; ; rest >>>= 7) {
      length.push((rest & 127) | (rest > 127 ? 128 : 0));
      if (rest <= 127) break;
    }
    return Buffer.concat([Buffer.from([tag, ...length]), bytes]);
  };
  return field(0x0a, field(0x12, field(0x12, attributes)));
}
