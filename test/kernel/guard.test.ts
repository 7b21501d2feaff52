// SPDX-License-Identifier: Apache-2.0
// Somebody with root takes the agent's hooks away or changes its maps: it is noticed, told and undone.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { EventType } from '../../src/decode/layout.gen.ts';
import { type Attempt, expectUdp } from '../support/connect.ts';
import { skip } from '../support/skip.ts';
import { scaled, Trigger } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

/** What the kernel says of a kind of BPF object that this process holds, by fdinfo. */
function heldIds(field: string): number[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const found = new RegExp(`^${field}:\\s*(\\d+)$`, 'm').exec(
        readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'),
      );
      return found ? [Number(found[1])] : [];
    } catch {
      return [];
    }
  });
}

const bpftool = (...args: readonly string[]) => execFileSync('bpftool', args, { encoding: 'utf8' });

describe('the guard of the hooks', function () {
  this.timeout(scaled(60_000));
  let watch: Watch;

  beforeEach(function () {
    watch = openWatch(this);
    watch.requires(this, 'agentsmith.network.connect');
    try {
      bpftool('link', 'list');
    } catch {
      skip(this, 'bpftool does not run here');
    }
  });

  afterEach(() => watch?.close());

  it('finds nothing where nobody did anything', () => {
    assert.deepEqual(watch.sensor.refresh(), []);
    assert.deepEqual(watch.sensor.refresh(), []);
  });

  it('notices links that were detached, and attaches them again', async () => {
    const ours = new Set(heldIds('link_id'));
    const links = JSON.parse(bpftool('link', 'list', '-j')) as { id: number; type: string }[];
    const cgroup = links.filter(({ id, type }) => ours.has(id) && type === 'cgroup');
    assert.ok(cgroup.length >= 3, 'no links of cgroups were found');
    for (const { id } of cgroup) bpftool('link', 'detach', 'id', `${id}`);
    const changes = watch.sensor.refresh();
    assert.equal(changes.filter(({ cause }) => cause === 'detached').length, cgroup.length);
    assert.equal(changes.filter(({ cause }) => cause === 'reattached').length, cgroup.length);
    const trigger = new Trigger('who', [], { stdin: 'pipe' });
    await trigger.next<Truth>();
    await expectUdp(watch, await trigger.do<Attempt>('udp 9'));
    await trigger.end();
    assert.deepEqual(watch.sensor.refresh(), []);
  });

  it('notices that somebody hides a process in the list of the agent’s own, and puts it right', async () => {
    const ours = new Set(heldIds('map_id'));
    const maps = JSON.parse(bpftool('map', 'list', '-j')) as { id: number; name?: string }[];
    const bss = maps.find(({ id, name }) => ours.has(id) && name?.endsWith('.bss'));
    assert.ok(bss, 'the map of globals was not found');
    const trigger = new Trigger('who', [], { stdin: 'pipe' });
    await trigger.next<Truth>();
    // bpftool prints bytes; the agent's own pid stands at the start of `excluded`, the next place is free.
    const [{ value }] = JSON.parse(bpftool('map', 'dump', 'id', `${bss.id}`, '-j')) as [{ value: string[] }];
    const bytes = Buffer.from(value.map((byte) => Number.parseInt(byte, 16)));
    const own = Buffer.alloc(4);
    own.writeUInt32LE(process.pid);
    let at = bytes.indexOf(own);
    while (at % 4 !== 0) at = bytes.indexOf(own, at + 1);
    bytes.writeUInt32LE(trigger.pid, at + 4);
    bpftool('map', 'update', 'id', `${bss.id}`, 'key', '0', '0', '0', '0', 'value', 'hex', ...hex(bytes));
    const before = watch.counts(EventType.NETWORK_CONNECT).filtered;
    await trigger.do<Attempt>('udp 9');
    assert.equal(watch.counts(EventType.NETWORK_CONNECT).filtered, before + 1, 'the change did not work');
    assert.deepEqual(
      watch.sensor.refresh().map(({ cause }) => cause),
      ['map_changed'],
    );
    await expectUdp(watch, await trigger.do<Attempt>('udp 9'));
    await trigger.end();
  });
});

const hex = (bytes: Buffer): string[] => [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
