// SPDX-License-Identifier: Apache-2.0
// The servers that the other tests of this folder talk to: they start, answer and say what they do not understand.
import assert from 'node:assert/strict';
import { Producer } from '@platformatic/kafka';
import { inFolder } from '../support/folder.ts';
import { fetchKafka, startKafka } from '../support/kafka.ts';
import { buildLoki, startLoki } from '../support/loki.ts';
import { fetchPrometheus, startPrometheus } from '../support/prometheus.ts';
import { orSkip } from '../support/skip.ts';

describe('a server of the tests', function () {
  this.timeout('45m');

  it('is Loki, that answers queries and refuses what is none', async function () {
    const binary = orSkip(this, await buildLoki());
    await inFolder(async (dir) => {
      const loki = await startLoki(binary, dir);
      try {
        assert.deepEqual(await loki.lines('{service_name="nobody"}'), []);
        assert.deepEqual(await loki.samples('vector(3)'), [{ labels: {}, value: 3 }]);
        await assert.rejects(loki.lines('{service_name='), /400 parse error/);
      } finally {
        await loki.stop();
      }
    });
  });

  it('is Kafka, that is the same after a restart', async function () {
    const classPath = orSkip(this, await fetchKafka());
    await inFolder(async (dir) => {
      const first = await startKafka(classPath, dir);
      let kafka = first;
      try {
        await send(kafka.broker, 'test', ['one', 'two']);
        await kafka.stop('SIGKILL');
        kafka = await startKafka(classPath, dir, first.ports);
        await send(kafka.broker, 'test', ['three']);
        const read: string[] = [];
        await kafka.read(['test'], ({ value }) => read.push(value.toString()) === 3);
        assert.deepEqual(read.sort(), ['one', 'three', 'two']);
      } finally {
        await kafka.stop();
      }
    });
  });

  it('is Prometheus, that answers queries and refuses what is none', async function () {
    const programs = orSkip(this, await fetchPrometheus());
    await inFolder(async (dir) => {
      const prometheus = await startPrometheus(programs, dir);
      try {
        assert.deepEqual(await prometheus.query('up'), []);
        assert.deepEqual(await prometheus.query('vector(3)'), [{ labels: {}, value: 3 }]);
        await assert.rejects(prometheus.query('sum('), /parse error/);
      } finally {
        await prometheus.stop();
      }
    });
  });
});

async function send(broker: string, topic: string, values: readonly string[]): Promise<void> {
  const producer = new Producer({ clientId: 'test', bootstrapBrokers: [broker], autocreateTopics: true });
  await producer.send({ messages: values.map((value) => ({ topic, value: Buffer.from(value) })) });
  await producer.close();
}
