// SPDX-License-Identifier: Apache-2.0
// Which BPF objects are taken, and that none leaves anything behind. What a taken one sees is left to the others.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { EventType, LAYOUT_ID } from '../../src/decode/layout.gen.ts';
import { COMMON_PROGRAMS, eventDefinitions } from '../../src/events/index.ts';
import { LiveSensor } from '../../src/sensor/live.ts';
import { loadNative } from '../../src/sensor/native.ts';
import { repository } from '../support/repository.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled } from '../support/triggers.ts';
import { openWatch } from '../support/watch.ts';

/** BPF maps, programs and links that this process holds: the kernel keeps none that nobody holds. */
function held(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /bpf|cgroup/.test(target) ? [target] : [];
    } catch {
      return [];
    }
  });
}

describe('the BPF object', function () {
  this.timeout(scaled(30_000));
  let object: Buffer;

  before(async function () {
    // The one that every kernel from 5.13 on takes.
    object = readFileSync(join(repository, 'ebpf/build/agentsmith-untyped.bpf.o'));
    await openWatch(this).close();
  });

  const open = (bytes: Uint8Array) =>
    new LiveSensor(loadNative(), {
      ringBytes: 64 << 10,
      common: COMMON_PROGRAMS,
      events: [{ type: EventType.PROCESS_EXEC, programs: { always: ['process_exec'] } }],
      environment: [],
      object: bytes,
    });

  const refuse = (bytes: Uint8Array) => {
    const before = held();
    assert.throws(() => open(bytes), { code: 'ENOLAYOUT', message: /npm run build/ });
    assert.deepEqual(held(), before);
  };

  it('is taken when it was built from the same events.h, and leaves nothing behind', async () => {
    const before = held();
    const sensor = open(object);
    assert.ok(held().some((target) => target.includes('bpf-prog')));
    assert.ok(sensor.hooks.every((hook) => hook.error === ''));
    await sensor.stop();
    assert.deepEqual(held(), before);
  });

  for (const tier of TIERS) {
    it(`has no program of tier ${tier} that the verifier walks 40,000 instructions for`, async () => {
      const sensor = new LiveSensor(loadNative(), {
        ringBytes: 64 << 10,
        common: COMMON_PROGRAMS,
        events: eventDefinitions({ redact: true }),
        environment: [],
        trampolines: tier === 'A',
      });
      const stats = sensor.stats();
      await sensor.stop();
      const walked = Object.entries(stats).map(
        ([program, { instructions }]) => [program, instructions] as const,
      );
      assert.ok(walked.length > 5);
      assert.deepEqual(
        walked.filter(([, instructions]) => instructions >= 40_000),
        [],
      );
    });
  }

  it('is refused when it was built from another events.h', () => {
    const id = Buffer.alloc(8);
    id.writeBigUInt64LE(LAYOUT_ID);
    const other = Buffer.from(object);
    let places = 0;
    // Each linked program brought its own copy; the one that counts is among them.
    for (let at = object.indexOf(id); at >= 0; at = object.indexOf(id, at + 1), places++) {
      other.writeBigUInt64LE(LAYOUT_ID ^ 1n, at);
    }
    assert.ok(places > 0, 'the object has no layout id');
    refuse(other);
  });

  it('is refused when it is none', () => {
    refuse(randomBytes(4096));
    refuse(new Uint8Array(0));
    refuse(readFileSync(process.execPath).subarray(0, 65_536));
  });

  it('is refused when it is cut off', () => {
    for (const part of [0.1, 0.5, 0.9]) refuse(object.subarray(0, Math.floor(object.length * part)));
  });

  it('is refused when it has no layout id', () => {
    refuse(readFileSync(join(repository, 'ebpf/build/layout.o')));
  });
});
