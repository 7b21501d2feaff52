// SPDX-License-Identifier: Apache-2.0
// How a run ends, and what it still delivers.
import assert from 'node:assert/strict';
import { Cli, cleanUp } from '../support/cli.ts';
import { needsKernel } from '../support/needs.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { lastLine, latest, trueNumbers, upTo } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';

describe('a run', function () {
  this.timeout('60s');
  let sink: OtlpSink;
  let shell: Shell;

  before(needsKernel);

  beforeEach(async () => {
    sink = await OtlpSink.start();
    shell = new Shell();
  });

  afterEach(async () => {
    await shell?.end();
    await sink?.close();
  });

  cleanUp();

  const start = (...args: string[]) =>
    new Cli(['--endpoint', sink.url, '--tree', `${shell.pid}`, ...args]).ready();

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`that gets ${signal} delivers what has happened, says so, and ends with 0`, async () => {
      const cli = await start();
      await shell.runTrue(10);
      cli.signal(signal);
      const { code, stderr, errors } = await cli.end();
      assert.deepEqual([code, errors], [0, []]);
      assert.deepEqual(trueNumbers(sink.records()), upTo(10));
      assert.equal(sink.records()[0]?.eventName, 'agentsmith.sensor.start');
      assert.equal(sink.records().at(-1)?.eventName, 'agentsmith.sensor.stop');
      assert.equal(lastLine(stderr).delivered, sink.records().length);
      assert.equal(lastLine(stderr).lost, 0);
      assert.doesNotMatch(stderr, /^event +attempted/m);
    });
  }

  it('ends by itself when the receiver never answers, and says what is lost', async () => {
    sink.respond(() => ({ instead: 'silent' }));
    const cli = await start();
    await shell.runTrue(10);
    const { code, stderr } = await cli.stop();
    assert.equal(code, 0);
    const { delivered, lost, why } = lastLine(stderr);
    assert.deepEqual([delivered, lost], [0, 22]);
    // With losses the books stand before the last line.
    assert.match(stderr, /^process\.exec +\d+ +\d+ +\d+ +\d+ +0 +0 +10$/m);
    assert.match(why, /^10 process\.exec shutdown, 10 process\.exit shutdown, 1 sensor\.start shutdown/);
  });

  for (const pipeline of ['fast', 'sdk']) {
    it(`ends at a second signal and says what was lost (--pipeline ${pipeline})`, async () => {
      sink.respond(() => ({ instead: 'silent' }));
      const cli = await start('--pipeline', pipeline);
      await shell.runTrue(10);
      cli.signal('SIGINT');
      await cli.said(/^stopping: delivers what is left/m);
      const { code, stderr } = await cli.stop();
      assert.equal(code, 0);
      assert.deepEqual([lastLine(stderr).delivered, lastLine(stderr).lost], [0, 22]);
    });
  }

  it('ends after --duration', async () => {
    const { code, stderr } = await (await start('--duration', '300ms')).end();
    assert.equal(code, 0);
    assert.match(stderr, /^stop: Ctrl-C, or after 0\.3 s$/m);
    assert.equal(sink.records().at(-1)?.eventName, 'agentsmith.sensor.stop');
  });

  it('sends its own counters as often as it is told', async () => {
    const cli = await start('--metrics-interval', '100ms');
    const collections = () => sink.requests.filter(({ signal }) => signal === 'metrics').length;
    await sink.until(() => collections() >= 3);
    await cli.stop();
    const points = latest(sink, 'agentsmith.sensor.event.exported');
    const exported = points.reduce((sum, { value }) => sum + value, 0);
    assert.equal(exported, sink.records().length);
  });
});
