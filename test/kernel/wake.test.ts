// SPDX-License-Identifier: Apache-2.0
// Programs wake user space when so much waits, though of some events only every eighth record on a CPU asks (ebpf/lib/ring.h).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { EventType } from '../../src/decode/layout.gen.ts';
import { COMMON_PROGRAMS } from '../../src/events/index.ts';
import { LiveSensor } from '../../src/sensor/live.ts';
import { loadNative, type NativeOptions, type NativeSensor } from '../../src/sensor/native.ts';
import { scaled } from '../support/triggers.ts';
import { openWatch } from '../support/watch.ts';

const WAKE_BYTES = 64 << 10;
/** So many executions fill that many bytes by far. */
const MOST_EXECS = 1000;
const ASKS_EVERY = 8;

describe('a ring that nobody reads', function () {
  this.timeout(scaled(60_000));
  let live: LiveSensor | undefined;
  let sensor: NativeSensor;

  before(async function () {
    await openWatch(this).close();
    const native = loadNative();
    class Kept extends native.Sensor {
      constructor(options: NativeOptions) {
        super(options);
        sensor = this;
      }
    }
    live = new LiveSensor(
      { ...native, Sensor: Kept },
      {
        ringBytes: 4 << 20,
        common: COMMON_PROGRAMS,
        events: [{ type: EventType.PROCESS_EXEC, programs: { always: ['process_exec'] } }],
        environment: [],
      },
    );
  });

  after(() => live?.stop());

  const exec = () => execFileSync('/bin/true');
  /** Who wakes user space says so in the global, which is another than was set then. */
  const hasWoken = () => sensor.verify().globals.includes('wake_at');

  it('wakes user space by executions alone, and not before so much waits', () => {
    assert.ok(sensor.set('wake_at', BigInt(WAKE_BYTES)));
    let execs = 0;
    for (; sensor.ringUsed() < WAKE_BYTES && execs < MOST_EXECS; execs++) {
      const woken = hasWoken();
      // It only grows: what is not there now was not there before.
      if (sensor.ringUsed() < WAKE_BYTES) assert.equal(woken, false);
      exec();
    }
    assert.ok(execs > ASKS_EVERY && execs < MOST_EXECS, `${execs} executions`);
    for (let left = ASKS_EVERY * availableParallelism(); left > 0; left--) exec();
    assert.equal(hasWoken(), true);
  });
});
