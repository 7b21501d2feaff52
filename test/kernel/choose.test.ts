// SPDX-License-Identifier: Apache-2.0
// Events are switched on and off while the sensor runs. Which programs belong to which event is left to
// test/unit/sensor/tiers.test.ts.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { EventType, processExec } from '../../src/decode/layout.gen.ts';
import { COMMON_PROGRAMS, eventDefinitions } from '../../src/events/index.ts';
import { LiveSensor } from '../../src/sensor/live.ts';
import { loadNative } from '../../src/sensor/native.ts';
import { checkOrphans } from '../support/bpf.ts';
import { eventually } from '../support/eventually.ts';
import { inDirectory } from '../support/files.ts';
import { scaled } from '../support/triggers.ts';
import { openWatch } from '../support/watch.ts';

const DEFINITIONS = eventDefinitions({ redact: true });
const named = (...names: readonly string[]) =>
  DEFINITIONS.filter(({ name }) => names.includes(name.replace('agentsmith.', '')));

describe('the choice of events while running', function () {
  this.timeout(scaled(30_000));
  let sensor: LiveSensor;
  /** Types of the records of the test's own children. */
  let seen: number[];
  /** Whose exits were seen. */
  let ended: Set<number>;

  before(async function () {
    await openWatch(this).close();
  });

  beforeEach(() => {
    seen = [];
    ended = new Set();
    sensor = new LiveSensor(loadNative(), {
      ringBytes: 1 << 20,
      common: COMMON_PROGRAMS,
      events: named('process.exit'),
      environment: [],
    });
    sensor.start((batch) => {
      for (const event of batch)
        if (event.u32(processExec.who.parentPid) === process.pid) {
          seen.push(event.type);
          if (event.type === EventType.PROCESS_EXIT) ended.add(event.u32(processExec.who.pid));
        }
    });
  });

  afterEach(async () => {
    await sensor.stop();
    await checkOrphans();
  });

  const run = async () => {
    const before = seen.filter((type) => type === EventType.PROCESS_EXIT).length;
    execFileSync('/bin/true');
    await eventually(() => seen.filter((type) => type === EventType.PROCESS_EXIT).length > before);
  };

  it('begins with those that were chosen', async () => {
    await run();
    assert.ok(!seen.includes(EventType.PROCESS_EXEC));
    assert.ok(!sensor.hooks.some(({ program }) => program.startsWith('network_')));
  });

  it('loads what an event needs that is switched on, and detaches what is not needed any more', async () => {
    sensor.choose(named('process.exec', 'process.exit', 'network.connect'));
    assert.deepEqual(
      sensor.hooks.filter(({ error }) => error !== ''),
      [],
    );
    assert.ok(sensor.hooks.some(({ program }) => program === 'network_connect4'));
    await run();
    assert.ok(seen.includes(EventType.PROCESS_EXEC));
    sensor.choose(named('process.exit'));
    assert.ok(!sensor.hooks.some(({ program }) => program === 'network_connect4'));
    seen = [];
    await run();
    assert.ok(!seen.includes(EventType.PROCESS_EXEC));
    sensor.choose(named('network.connect', 'process.exit'));
    assert.ok(sensor.hooks.some(({ program, error }) => program === 'network_connect4' && error === ''));
  });

  it('keeps file events apart that one program sees', async () => {
    sensor.choose(named('process.exit', 'file.create'));
    await inDirectory(async (cwd) => {
      execFileSync('/bin/sh', ['-c', 'echo >new; mv new old; ln old link; rm old link'], { cwd });
    });
    await run();
    assert.ok(seen.includes(EventType.FILE_CREATE));
    for (const type of [EventType.FILE_RENAME, EventType.FILE_LINK, EventType.FILE_DELETE])
      assert.equal(sensor.counts(type).attempted, 0, `event type ${type}`);
  });

  it('outlives a program that does not load later', async () => {
    const unheard = {
      type: EventType.TYPES - 1,
      programs: { always: ['file_uring_submit', 'file_uring_submit_sqe'] },
    };
    sensor.choose([...named('process.exit'), unheard]);
    assert.ok(sensor.hooks.some(({ error }) => error !== ''));
    sensor.choose(named('process.exit'));
    await run();
  });

  it('misses nothing of an event that stays on', async () => {
    const pids: number[] = [];
    for (let round = 0; round < 10; round++) {
      pids.push(spawnSync('/bin/true').pid);
      sensor.choose(round % 2 === 0 ? named('process.exit', 'network.connect') : named('process.exit'));
    }
    await eventually(() => pids.every((pid) => ended.has(pid)));
    const { attempted, submitted, filtered } = sensor.counts(EventType.PROCESS_EXIT);
    assert.equal(attempted, submitted + filtered);
  });
});
