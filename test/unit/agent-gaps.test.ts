// SPDX-License-Identifier: Apache-2.0
// Losses of a queue that is full are told, whatever is lost beside them. With the kernel: test/e2e/delivery.test.ts.
import assert from 'node:assert/strict';
import { Agent } from '../../src/agent.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import { FastExporter } from '../../src/export/exporter.ts';
import { eventually } from '../support/eventually.ts';
import { FedSensor } from '../support/fed-sensor.ts';
import { RESOURCE } from '../support/official.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { receiverAt } from '../support/receiver.ts';
import { exec } from '../support/records.ts';
import { EXEC, GAP, named } from '../support/sent.ts';

const MIB = 1 << 20;

describe('an agent that loses records', () => {
  let sink: OtlpSink;
  let sensor: FedSensor;
  let agent: Agent;
  let answer = () => {};

  beforeEach(async () => {
    sink = await OtlpSink.start();
    sensor = new FedSensor();
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    sink.respond(async () => {
      await answered;
      return undefined;
    });
    agent = new Agent({
      sensor,
      events: eventDefinitions({ redact: true }).filter(({ name }) => name === EXEC),
      detail: 'standard',
      body: true,
      host: { namespaces: { pid: 11, mnt: 12, net: 13, uts: 14, user: 15 }, userName: () => undefined },
      exporter: async (ledger) =>
        new FastExporter(
          {
            resource: RESOURCE,
            logs: receiverAt(sink.url),
            queueBytes: 6 * MIB,
            // Batches are closed by their size.
            batching: { ageMs: 60_000 },
            metricTimes: { intervalMillis: 60_000, timeoutMillis: 1000 },
            temporality: 'cumulative',
            onState: () => {},
            onPartial: () => {},
          },
          ledger,
        ),
    });
    await agent.start();
  });
  afterEach(async () => {
    agent.abort();
    await agent.stop(1);
    await sink.close();
  });

  /** Records of some 60 kB: 54 or 55 of them fill a batch. */
  const feed = (records: number) => {
    const big = exec({ argv: ['/bin/true', 'a'.repeat(60_000)] });
    for (let i = 0; i < records; i++) sensor.feed(big);
  };
  const lost = () => [...agent.losses()].reduce((sum, { count }) => sum + count, 0);
  const count = (event: string) => agent.ledger.received[agent.ledger.typeOf(event)]!;

  it('tells of each, although a batch that finds no room was open when it told', async function () {
    this.timeout('10s');
    feed(2 * 55);
    assert.ok(lost() > 0, 'there was room for both');
    // Open, and too large for what room there is.
    feed(51);
    await eventually(() => count(GAP) > 0);
    feed(55);
    answer();
    await agent.stop(5000);
    const gaps = named(sink.records(), GAP);
    const told = gaps.reduce((sum, { attributes }) => sum + Number(attributes['agentsmith.gap.count']), 0);
    assert.equal(told, lost());
    assert.equal(named(sink.records(), EXEC).length + told, count(EXEC));
    for (const { attributes } of gaps) assert.equal(attributes['agentsmith.gap.event'], EXEC);
  });
});
