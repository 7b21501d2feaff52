// SPDX-License-Identifier: Apache-2.0
// Agent → Collector → two gateways → Kafka, with examples/gateway and certificates on both sides; one gateway is killed.
// Contrib's load-balancing exporter cannot be had: the list of gateways is that of a name with two addresses.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestCa } from '../support/certificates.ts';
import { cleanUp } from '../support/cli.ts';
import { buildCollector, type Collector, type Ports, startCollector } from '../support/collector.ts';
import { waitForCollectorFile } from '../support/collector-file.ts';
import { fetchKafka, type Kafka, type KafkaMessage, startKafka } from '../support/kafka.ts';
import { decodeLogs, type LogRecord } from '../support/otlp-decode.ts';
import { freePorts } from '../support/ports.ts';
import { withMounts } from '../support/private.ts';
import { repository } from '../support/repository.ts';
import { identity, Road } from '../support/road.ts';
import { CONNECT, lastLine, named } from '../support/sent.ts';
import { orSkip } from '../support/skip.ts';

const EXAMPLES = join(repository, 'examples/gateway');
/** What a Collector needs of a certificate, as otel-collector.yaml and the examples read it. */
function credentials(ca: TestCa, name: string): Record<string, string> {
  const { cert, key } = ca.issue(name).paths;
  return { AGENTSMITH_TLS_CA: ca.path, AGENTSMITH_TLS_CERT: cert, AGENTSMITH_TLS_KEY: key };
}

/** The gateways listen on the same port, of two addresses that the name has. */
const NAME = 'gateways.test';
const ADDRESSES = ['127.0.0.1', '127.0.0.2'];
const TOPICS = ['gateway-one', 'gateway-two'];

describe('two gateways before Kafka', function () {
  this.timeout('60s');
  let road: Road | undefined;
  let kafka: Kafka | undefined;
  let ca: TestCa | undefined;
  const gateways: Collector[] = [];
  let said: ReturnType<typeof lastLine>;
  let others = 0;
  /** Records by identity, each once; which gateways gave them. */
  const events = new Map<string, LogRecord>();
  const own = new Set<string>();
  const from = new Map<string, number>();

  before(async function () {
    this.timeout('45m');
    const classPath = orSkip(this, await fetchKafka());
    const binary = orSkip(this, await buildCollector());
    ca = TestCa.make(this);
    let gateway: (index: number, ports?: Ports) => Promise<Collector>;
    let hosts = '';
    road = await Road.open(
      this,
      async (dir) => {
        kafka = await startKafka(classPath, join(dir, 'kafka'));
        const [grpc] = await freePorts(1);
        const server = credentials(ca!, `DNS:${NAME}`);
        gateway = (index, ports) =>
          startCollector({
            binary,
            dir: join(dir, `gateway-${index}`),
            overlays: [join(EXAMPLES, 'gateway.yaml')],
            ...(ports && { ports }),
            env: {
              ...server,
              AGENTSMITH_OTLP_GRPC: `${ADDRESSES[index]}:${grpc}`,
              AGENTSMITH_LOCAL: 'nop',
              AGENTSMITH_KAFKA: 'otlp',
              AGENTSMITH_KAFKA_BROKERS: `[${kafka!.broker}]`,
              // Each has a topic of its own, to see what came by whom.
              AGENTSMITH_KAFKA_TOPIC: TOPICS[index]!,
            },
          });
        gateways.push(await gateway(0), await gateway(1));
        hosts = join(dir, 'hosts');
        mkdirSync(dir, { recursive: true });
        writeFileSync(hosts, ADDRESSES.map((address) => `${address} ${NAME}\n`).join(''));
        const endpoint = `dns:///${NAME}:${grpc}`;
        return {
          ...credentials(ca!, 'DNS:host'),
          AGENTSMITH_GATEWAY: 'otlp',
          AGENTSMITH_GATEWAY_ENDPOINT: endpoint,
        };
      },
      {
        collector: () => ({
          overlays: [join(EXAMPLES, 'balanced.yaml')],
          wrap: withMounts(this, `mount --bind ${hosts} /etc/hosts`),
        }),
      },
    );
    await road.deeds();
    others += await road.storm(5000, 4);
    const storm = road.storm(5000, 4);
    const { ports } = gateways[0]!;
    await sleep(1000);
    await gateways[0]!.stop('SIGKILL');
    others += await storm;
    await road.deeds();
    said = lastLine((await road.stopAgent()).stderr);
    // What it had acknowledged and not passed on is on its disk.
    gateways[0] = await gateway!(0, ports);
    await kafka!.read(TOPICS, take);
  });

  after(async () => {
    await Road.end(road, ...gateways, kafka);
    ca?.remove();
  });

  cleanUp();

  /** True once all that the agent delivered has come, by whichever. */
  function take({ topic, value }: KafkaMessage): boolean {
    for (const record of decodeLogs(value)) {
      const id = identity(record);
      if (id === undefined) own.add(`${record.eventName} ${record.timeUnixNano}`);
      else events.set(id, record);
      from.set(topic, (from.get(topic) ?? 0) + 1);
    }
    return events.size + own.size >= said.delivered;
  }

  it('lose nothing when one of them is killed', () => {
    road!.expectNoneMissing(events.keys(), said);
    assert.deepEqual([said.lost, said.delivered], [0, events.size + own.size]);
    const all = [...events.values()];
    road!.expectDeeds(all.filter(({ attributes }) => attributes['process.executable.name'] !== 'storm'));
    assert.equal(
      named(all, CONNECT).filter(({ attributes }) => attributes['process.executable.name'] === 'storm')
        .length,
      others,
    );
  });

  it('share the load', () => {
    console.log(`      ${[...from].map(([topic, count]) => `${count} by ${topic}`).join(', ')}`);
    for (const topic of TOPICS) assert.ok((from.get(topic) ?? 0) > 1000, topic);
  });
});

describe('a gateway over HTTP', function () {
  this.timeout('120s');
  let road: Road | undefined;
  let gateway: Collector | undefined;
  let ca: TestCa | undefined;

  after(async () => {
    await Road.end(road, gateway);
    ca?.remove();
  });

  cleanUp();

  it('takes all, from a Collector with a certificate', async function () {
    const binary = orSkip(this, await buildCollector());
    ca = TestCa.make(this);
    road = await Road.open(this, async (dir) => {
      const [http] = await freePorts(1);
      const overlays = [join(EXAMPLES, 'gateway.yaml')];
      // Listens where it is told, and not on every address as the example does.
      const env = { ...credentials(ca!, 'IP:127.0.0.1'), AGENTSMITH_OTLP_HTTP: `127.0.0.1:${http}` };
      gateway = await startCollector({ binary, dir, overlays, env });
      const endpoint = `https://127.0.0.1:${http}`;
      const host = credentials(ca!, 'DNS:host');
      return { ...host, AGENTSMITH_GATEWAY: 'otlp', AGENTSMITH_GATEWAY_ENDPOINT: endpoint };
    });
    await road.deeds();
    const { delivered, lost } = lastLine((await road.stopAgent()).stderr);
    assert.equal(lost, 0);
    const { records } = await waitForCollectorFile(
      gateway!.eventsPath,
      (file) => file.records.length >= delivered,
      60_000,
    );
    assert.equal(records.length, delivered);
    road.expectDeeds(records);
  });
});
