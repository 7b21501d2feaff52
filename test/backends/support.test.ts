// SPDX-License-Identifier: Apache-2.0
// The servers that the other tests of this folder talk to: they start, answer and say what they do not understand.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
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

/** The reason that a function of test/support gives on a machine without programs and with an empty cache. */
async function without(module: string, name: string): Promise<unknown> {
  return inFolder(async (folder) => {
    const url = pathToFileURL(
      join(import.meta.dirname, `../support/${module}${extname(import.meta.filename)}`),
    );
    const script = `console.log(JSON.stringify(await (await import('${url}')).${name}()))`;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { PATH: folder, XDG_CACHE_HOME: folder, HOME: folder },
    });
    return (JSON.parse(stdout) as { skipped?: string }).skipped;
  });
}

describe('what cannot be had here is left out with a reason:', function () {
  this.timeout('120s');

  it('Kafka without Java', async () => {
    assert.equal(await without('kafka', 'fetchKafka'), 'Java is not installed, and kafka runs on it');
  });

  it('OpenSearch without a Java compiler', async () => {
    assert.match(
      String(await without('opensearch', 'fetchOpenSearch')),
      /^the Java compiler is not installed/,
    );
  });

  it('Loki without Go', async () => {
    assert.equal(await without('loki', 'buildLoki'), 'Go is not installed, and the tests build Loki with it');
  });
});

async function send(broker: string, topic: string, values: readonly string[]): Promise<void> {
  const producer = new Producer({ clientId: 'test', bootstrapBrokers: [broker], autocreateTopics: true });
  await producer.send({ messages: values.map((value) => ({ topic, value: Buffer.from(value) })) });
  await producer.close();
}
