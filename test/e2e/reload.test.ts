// SPDX-License-Identifier: Apache-2.0
// A running agent reads its configuration file again at SIGHUP: what changes, what does not, and that nothing is lost.
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cli, cleanUp } from '../support/cli.ts';
import { needsKernel } from '../support/needs.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { EXEC, EXIT, lastLine, latest, named, trueNumbers, upTo } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';

describe('SIGHUP', function () {
  this.timeout('60s');
  const folder = mkdtempSync(join(tmpdir(), 'agentsmith-reload-'));
  const file = join(folder, 'otel.yaml');
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

  after(() => rmSync(folder, { recursive: true }));

  cleanUp();

  const write = (own: Readonly<Record<string, unknown>>, level = 'info') =>
    writeFileSync(
      file,
      `file_format: "1.1"
log_level: ${level}
logger_provider:
  processors:
    - batch: { exporter: { otlp_grpc: { endpoint: "${sink.url}" } } }
meter_provider:
  readers:
    - periodic: { interval: 5000, exporter: { otlp_grpc: { endpoint: "${sink.url}" } } }
distribution:
  agentsmith: ${JSON.stringify(own)}
`,
    );

  const start = () => new Cli(['--config', file, '--tree', `${shell.pid}`]).ready();
  const count = (event: string) => named(sink.records(), event).length;

  it('switches events on and off under load, and no exec is lost', async () => {
    const deeds = 600;
    write({ events: ['exec'] });
    const cli = await start();
    const storm = shell.runTrue(deeds);
    for (const [i, events] of [['exec', 'exit'], ['exec'], ['exec', 'exit', 'connect']].entries()) {
      const seen = count(EXEC);
      await sink.until(() => count(EXEC) > seen);
      write({ events });
      cli.signal('SIGHUP');
      await cli.until(
        `change ${i + 1} times`,
        () => (cli.stderr.match(/^SIGHUP: changed events$/gm)?.length ?? 0) > i,
      );
    }
    await storm;
    const exits = count(EXIT);
    await shell.run('/bin/echo');
    await sink.until(() => count(EXIT) > exits);
    const { code, stderr, errors } = await cli.stop();
    assert.deepEqual([code, errors, lastLine(stderr).lost], [0, [], 0]);
    assert.deepEqual(trueNumbers(sink.records()), upTo(deeds));
    const received = latest(sink, 'agentsmith.sensor.event.received');
    const of = (event: string) =>
      received.find(({ attributes }) => attributes['agentsmith.event.name'] === event)?.value;
    assert.ok(of(EXIT)! > 0, 'the ledger has a row for what was switched on');
  });

  it('changes how records are made', async () => {
    write({ events: ['exec'], no_redact: false });
    const cli = await start();
    await shell.run('/bin/true one --password=hunter2');
    await sink.until(() => count(EXEC) === 1);
    write({ events: ['exec'], no_redact: true, no_body: true, detail: 'all' }, 'debug');
    cli.signal('SIGHUP');
    await cli.said(/^SIGHUP: changed detail, no-redact, no-body, log-level$/m);
    await shell.run('/bin/true two --password=hunter2');
    await sink.until(() => count(EXEC) === 2);
    await cli.stop();
    const [one, two] = named(sink.records(), EXEC);
    assert.match(`${one!.body}`, /one --password=\[redacted\]/);
    assert.equal(one!.attributes['agentsmith.event.hook'], undefined);
    assert.equal(two!.body ?? undefined, undefined);
    assert.deepEqual(two!.attributes['process.command_args'], ['/bin/true', 'two', '--password=hunter2']);
    assert.match(`${two!.attributes['agentsmith.event.hook']}`, /sched_process_exec/);
  });

  it('changes filters', async () => {
    write({ events: ['exec'] });
    const cli = await start();
    await shell.run('/bin/true 0');
    await sink.until(() => count(EXEC) === 1);
    write({ events: ['exec'], filter: [`drop exec executable=${realpathSync('/bin/true')}`] });
    cli.signal('SIGHUP');
    await cli.said(/^SIGHUP: changed filter$/m);
    await shell.run('/bin/true 1; /bin/echo');
    await sink.until(() => count(EXEC) === 2);
    write({ events: ['exec'] });
    cli.signal('SIGHUP');
    await cli.until('change twice', () => cli.stderr.match(/^SIGHUP: changed filter$/gm)?.length === 2);
    await shell.run('/bin/true 2');
    await sink.until(() => count(EXEC) === 3);
    await cli.stop();
    const numbered = trueNumbers(sink.records());
    assert.deepEqual(numbered, [0, 2]);
  });

  it('refuses what needs a restart, and a file that is wrong, and goes on', async () => {
    write({ events: ['exec'] });
    const cli = await start();
    write({ events: ['exec'], ring_size: '16MiB' });
    cli.signal('SIGHUP');
    await cli.said(/^warning: SIGHUP: otel\.yaml: distribution\.agentsmith\.ring_size needs a restart: /m);
    await cli.said(/^SIGHUP: nothing that can change did$/m);
    write({ evnets: ['exec'] });
    cli.signal('SIGHUP');
    await cli.said(
      /^error: SIGHUP: otel\.yaml:10: distribution\.agentsmith\.evnets: no such key \(did you mean events\?\)/m,
    );
    await shell.runTrue(3);
    await sink.until(() => count(EXEC) === 3);
    const { code, stderr } = await cli.stop();
    assert.deepEqual([code, lastLine(stderr).lost], [0, 0]);
  });
});
