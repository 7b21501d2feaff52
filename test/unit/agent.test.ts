// SPDX-License-Identifier: Apache-2.0
// What an agent is told while it runs: the records that follow are made anew, those that are in the ring still arrive,
// and the books stay whole. The kernel's side of it: test/kernel/choose.test.ts; the whole: test/e2e/reload.test.ts.
import assert from 'node:assert/strict';
import { Agent, type AgentChoice } from '../../src/agent.ts';
import { EventType } from '../../src/decode/layout.gen.ts';
import { type ReadableEvent, Severity } from '../../src/events/event.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import { FedSensor } from '../support/fed-sensor.ts';
import { connect, exec, exit } from '../support/records.ts';

const EXEC = 'agentsmith.process.exec';
const EXIT = 'agentsmith.process.exit';
const PTRACE = 'agentsmith.process.ptrace';
const CREDENTIALS = 'agentsmith.process.credential.change';

const choice = (names: readonly string[], more: Partial<AgentChoice> = {}): AgentChoice => ({
  events: eventDefinitions({ redact: true }).filter(({ name }) => names.includes(name)),
  detail: 'standard',
  body: true,
  ...more,
});

describe('an agent that is told to change', () => {
  let sensor: FedSensor;
  let agent: Agent;
  let printed: ReadableEvent[];

  beforeEach(async () => {
    sensor = new FedSensor();
    printed = [];
    agent = new Agent({
      sensor,
      ...choice([EXEC]),
      host: { namespaces: { pid: 11, mnt: 12, net: 13, uts: 14, user: 15 }, userName: () => undefined },
      print: (record) => void printed.push(record),
    });
    await agent.start();
  });

  afterEach(() => agent.stop(0));

  const names = () => printed.map(({ eventName }) => eventName);
  const received = (event: string) => agent.ledger.received[agent.ledger.typeOf(event)];

  it('knows an event that is switched on before its first record, and counts it', () => {
    sensor.feed(exec(), exit());
    assert.deepEqual(names(), [EXEC]);
    let chosen = 0;
    agent.reconfigure(choice([EXEC, EXIT]), () => chosen++);
    sensor.feed(exec(), exit());
    assert.deepEqual([names(), chosen], [[EXEC, EXEC, EXIT], 1]);
    assert.deepEqual([received(EXEC), received(EXIT)], [2, 1]);
    assert.deepEqual(
      [...agent.ledger.types()].map(([, name]) => name).filter((name) => !name.includes('sensor')),
      [EXEC, EXIT],
    );
  });

  it('still delivers what the ring holds of an event that is switched off', () => {
    agent.reconfigure(choice([EXIT]), () => {});
    sensor.feed(exec(), exit(), connect());
    assert.deepEqual(names(), [EXEC, EXIT]);
  });

  it('makes the records that follow as it was told', () => {
    sensor.feed(exec({ argv: ['/bin/true', 'a-long-argument'] }));
    agent.reconfigure(choice([EXEC], { body: false, limits: { valueLength: 5 } }), () => {});
    sensor.feed(exec({ argv: ['/bin/true', 'a-long-argument'] }));
    const [before, after] = printed;
    assert.match(before!.body!, /a-long-argument/);
    assert.equal(after!.body, undefined);
    assert.deepEqual(after!.attributes['process.command_args'], ['/bin/', 'a-lon']);
  });

  it('wants to hear at once of what may be a warning', () => {
    assert.deepEqual(sensor.urgent, []);
    agent.reconfigure(choice([EXEC, PTRACE, CREDENTIALS]), () => {});
    assert.deepEqual(
      sensor.urgent,
      [EventType.PROCESS_PTRACE, EventType.PROCESS_CREDENTIAL_CHANGE].sort((a, b) => a - b),
    );
  });

  it('wants to hear at once of what somebody else takes for a warning', () => {
    const [definition] = choice([EXEC]).events;
    const view = { ...definition!, name: 'example.shell', severity: Severity.WARN };
    const other = new FedSensor();
    new Agent({
      sensor: other,
      ...choice([EXEC]),
      views: [{ base: definition!, definition: view }],
      host: { namespaces: { pid: 11, mnt: 12, net: 13, uts: 14, user: 15 }, userName: () => undefined },
    });
    assert.deepEqual(other.urgent, [EventType.PROCESS_EXEC]);
  });

  it('stays as it was when the kernel refuses', () => {
    const refused = () =>
      agent.reconfigure(choice([EXIT], { body: false }), () => {
        throw new Error('no such program');
      });
    assert.throws(refused, /no such program/);
    sensor.feed(exec(), exit());
    assert.deepEqual(names(), [EXEC]);
    assert.ok(printed[0]!.body !== undefined);
  });
});
