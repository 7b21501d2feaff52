// SPDX-License-Identifier: Apache-2.0
// Agent → Collector → Kafka, while the broker is away for 20 s and the Collector is killed in the midst of it: every
// event is there, in messages that each hold one host's.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanUp } from '../support/cli.ts';
import { readConfig, shippedConfig } from '../support/collector-config.ts';
import { fetchKafka, type Kafka, type KafkaMessage, startKafka } from '../support/kafka.ts';
import { decodeLogs, type LogRecord } from '../support/otlp-decode.ts';
import { identity, Road } from '../support/road.ts';
import { CONNECT, lastLine } from '../support/sent.ts';
import { orSkip } from '../support/skip.ts';

const TOPIC = 'agentsmith_logs';
const OTHERS = 100_000;
const OUTAGE_MS = 20_000;

/** All that a record says, in few bytes. */
function digest(
  record: {
    readonly [key in
      | 'eventName'
      | 'timeUnixNano'
      | 'severityNumber'
      | 'body'
      | 'attributes'
      | 'resource']: unknown;
  },
): string {
  const { eventName, timeUnixNano, severityNumber, body, attributes, resource } = record;
  const all = [eventName, timeUnixNano, severityNumber, body, attributes, resource];
  return createHash('sha256').update(JSON.stringify(all, plain)).digest('base64url');
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('Kafka', function () {
  this.timeout('60s');
  let road: Road | undefined;
  let kafka: Kafka | undefined;
  /** What the storms say that they did. */
  let others = 0;
  let said: ReturnType<typeof lastLine>;
  /** The digests of each event; more than one where it came twice. */
  const events = new Map<string, string[]>();
  /** The agent's own records have no number: they are told apart by all that they say. */
  const own = new Set<string>();
  const deeds: LogRecord[] = [];
  const storm: LogRecord[] = [];
  const messages: { key: string; partition: number; bytes: number; resources: number }[] = [];

  before(async function () {
    this.timeout('15m');
    const classPath = orSkip(this, await fetchKafka());
    let dir = '';
    road = await Road.open(this, async (folder) => {
      dir = folder;
      kafka = await startKafka(classPath, dir);
      return { AGENTSMITH_KAFKA: 'otlp', AGENTSMITH_KAFKA_BROKERS: `[${kafka.broker}]` };
    });
    await road.deeds();
    others += await road.storm(10_000, 4);

    await kafka!.stop('SIGKILL');
    const outage = sleep(OUTAGE_MS);
    await road.deeds();
    others += await road.storm(10_000, 3);
    const during = road.storm(10_000, 3);
    await sleep(1000);
    await road.replaceCollector();
    others += await during;
    await road.deeds();
    await outage;
    kafka = await startKafka(classPath, dir, kafka!.ports);

    // A busy machine makes fewer a second than it is asked for.
    do others += await road.storm(10_000, 2);
    while (others < OTHERS);
    await road.deeds();
    said = lastLine((await road.stopAgent()).stderr);
    await kafka.read([TOPIC], take);
  });

  after(() => Road.end(road, kafka));

  cleanUp();

  /** True once there are as many as the agent has delivered. */
  function take({ key, value, partition }: KafkaMessage): boolean {
    const records = decodeLogs(value);
    const resources = new Set(records.map(({ resource }) => resource)).size;
    messages.push({ key: key.toString('hex'), partition, bytes: value.length, resources });
    for (const record of records) {
      const id = identity(record);
      const known = id === undefined ? undefined : events.get(id);
      if (id === undefined) own.add(digest(record));
      else if (known) known.push(digest(record));
      else {
        events.set(id, [digest(record)]);
        (record.attributes['process.executable.name'] === 'storm' ? storm : deeds).push(record);
      }
    }
    return events.size + own.size >= said.delivered;
  }

  it('has every deed, as the program that did it tells it', () => road!.expectDeeds(deeds));

  it('has each of more than 100,000 other events', () => {
    const connections = storm.filter(({ eventName }) => eventName === CONNECT);
    assert.ok(others >= OTHERS, `${others} others`);
    assert.equal(connections.length, others);
    for (const { attributes } of connections) {
      assert.equal(attributes['network.transport'], 'udp');
      assert.equal(attributes['network.peer.address'], '127.0.0.1');
    }
  });

  it('has every sequence number, and as many records as the agent says that it delivered', () => {
    road!.expectNoneMissing(events.keys(), said);
    assert.deepEqual([said.lost, said.delivered], [0, events.size + own.size]);
  });

  it('has the same twice, where a record came twice', () => {
    const twice = [...events].filter(([, digests]) => digests.length > 1);
    const bytes = Math.round(messages.reduce((sum, each) => sum + each.bytes, 0) / events.size);
    console.log(
      `      ${events.size} events of ${bytes} B in ${messages.length} messages, ${twice.length} twice`,
    );
    for (const [id, digests] of twice) assert.equal(new Set(digests).size, 1, id);
  });

  it('has messages below the limit of brokers, each of one host, all of a host in one partition', async () => {
    const { exporters } = await readConfig(shippedConfig);
    const { producer } = exporters.kafka as { producer: { max_message_bytes: number } };
    for (const { bytes, resources } of messages) {
      assert.ok(bytes <= producer.max_message_bytes, `${bytes} bytes`);
      assert.equal(resources, 1);
    }
    assert.equal(new Set(messages.map(({ key }) => key)).size, 1);
    assert.equal(new Set(messages.map(({ partition }) => partition)).size, 1);
  });
});
