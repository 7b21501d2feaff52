// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Admin, Consumer, MessagesStreamModes } from '@platformatic/kafka';
import { fetchJars } from './maven.ts';
import { repository } from './repository.ts';
import { type Server, startServer } from './server.ts';
import type { SkipReason } from './skip.ts';

export interface KafkaMessage {
  readonly topic: string;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly partition: number;
}

export interface Kafka extends Server {
  /** For `AGENTSMITH_KAFKA_BROKERS`. */
  readonly broker: string;
  /**
   * Reads topics from their beginning until `done` says so.
   * @throws when nothing comes for a minute
   */
  read(topics: readonly string[], done: (message: KafkaMessage) => boolean): Promise<void>;
}

/** The class path of a Kafka broker. */
export const fetchKafka = (): Promise<string | SkipReason> =>
  fetchJars('kafka', join(repository, 'test/backends/kafka/pom.xml'));

const PARTITIONS = 3;
const SILENCE_MS = 60_000;

/** One node, broker and controller, on loopback. Settings that are not here are Kafka's own: users have those too. */
const properties = (broker: number, controller: number) => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=./data
num.partitions=${PARTITIONS}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
`;

/** Broker and client wait for each other: no more of the heap, and no more compiling, than a test needs. */
const JAVA = ['-Xms128m', '-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
const LOG = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';

/**
 * Starts a broker with its files in `dir`, and waits until it lists topics. With the folder and the ports of one that
 * was stopped it is that one again.
 */
export async function startKafka(classPath: string, dir: string, ports?: readonly number[]): Promise<Kafka> {
  await mkdir(dir, { recursive: true });
  const config = join(dir, 'server.properties');
  const server = await startServer({
    name: 'Kafka',
    dir,
    log: 'kafka',
    ports: ports ?? 2,
    prepare: async ([broker, controller]) => {
      await writeFile(config, properties(broker!, controller!));
      if (existsSync(join(dir, 'data/meta.properties'))) return;
      const format = ['format', '--config', config, '--cluster-id', 'AAAAAAAAAAAAAAAAAAAAAA'];
      const java = [...JAVA, LOG, '-cp', classPath, 'kafka.tools.StorageTool', ...format];
      await promisify(execFile)('java', java, { cwd: dir });
    },
    command: () => ({ file: 'java', args: [...JAVA, LOG, '-cp', classPath, 'kafka.Kafka', config] }),
    ready: async ([broker]) => (await topics(`127.0.0.1:${broker}`)).length >= 0,
    timeoutMs: 120_000,
    // The JVM's own way to say that SIGTERM ended it.
    goodEnd: /^(exit 143|SIGKILL)$/,
  });
  const broker = `127.0.0.1:${server.ports[0]}`;
  return { ...server, broker, read: (topics, done) => read(broker, topics, done) };
}

async function topics(broker: string): Promise<string[]> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker], retries: 0 });
  try {
    return await admin.listTopics();
  } finally {
    await admin.close();
  }
}

async function read(
  broker: string,
  topics: readonly string[],
  done: (message: KafkaMessage) => boolean,
): Promise<void> {
  const consumer = new Consumer({
    clientId: 'test',
    groupId: `test-${process.pid}-${performance.now()}`,
    bootstrapBrokers: [broker],
  });
  let late: NodeJS.Timeout | undefined;
  try {
    const stream = await consumer.consume({
      topics: [...topics],
      mode: MessagesStreamModes.EARLIEST,
      autocommit: false,
    });
    const silence = () => {
      clearTimeout(late);
      const error = new Error(`nothing new in ${topics} for ${SILENCE_MS / 1000} s`);
      late = setTimeout(() => stream.destroy(error), SILENCE_MS);
    };
    silence();
    for await (const { topic, key, value, partition } of stream) {
      silence();
      if (done({ topic, key: key as Buffer, value: value as Buffer, partition })) break;
    }
  } finally {
    clearTimeout(late);
    await consumer.close(true);
  }
}
