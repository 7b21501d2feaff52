// SPDX-License-Identifier: Apache-2.0
// What a run prints for people and for programs. The columns of a line: test/unit/export.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { Cli, cleanUp } from '../support/cli.ts';
import { needsCommand, needsKernel } from '../support/needs.ts';
import { attributesOf, type KeyValue } from '../support/otlp-json.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { EXEC, lastLine, named } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';

/** Escape sequences, line breaks, a text that runs backwards, and more than fits into a line. */
const HOSTILE = '\x1b[2J\x1b]0;title\x07\r\nerror: forged\u202egnp.exe\u2066\u200b\x9b31m\x7f';

/** script(1) gives the CLI a terminal and passes on what is typed. */
const TERMINAL = ['sh', '-c', 'exec script -q -e -E never -c "exec $*" /dev/null', 'sh'];

describe('the terminal', function () {
  this.timeout('60s');

  before(needsKernel);
  cleanUp();

  const tree = ['--tree', `${process.pid}`];
  const until = (cli: Cli, text: string) => cli.until(`print ${text}`, () => cli.stdout.includes(text));

  it('gets one line of at most 100 columns for each record, whatever somebody typed', async () => {
    const cli = await new Cli(tree).ready();
    spawnSync('/bin/true', [HOSTILE, 'x'.repeat(300)]);
    spawnSync('/bin/true', ['the-last']);
    await until(cli, 'the-last');
    const { code, stdout, stderr } = await cli.stop();
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, lastLine(stderr).delivered);
    for (const line of lines) {
      assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} (process\.exec|process\.exit|network\.connect) /);
      assert.ok(line.length <= 100, line);
      assert.match(line, /^[\x20-\x7e…→]+$/u);
    }
    assert.ok(lines.some((line) => line.includes('/bin/true \\x1b[2J\\x1b]0;title')));
  });

  it('gets whole records with --output json, one a line, the same that a receiver gets', async () => {
    const sink = await OtlpSink.start();
    const shell = new Shell();
    try {
      const args = ['--tree', `${shell.pid}`, '--output', 'json'];
      const cli = await new Cli([...args, '--endpoint', sink.url]).ready();
      await shell.run(`/bin/true "$(printf '\\033[31m\\nred')" ''`);
      const { code, stdout } = await cli.stop();
      assert.equal(code, 0);
      const printed = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as JsonRecord);
      const sent = sink.records().filter(({ eventName }) => !eventName.startsWith('agentsmith.sensor.'));
      assert.deepEqual(
        printed.map(({ attributes, ...record }) => ({ ...record, attributes: attributesOf(attributes) })),
        sent.map(({ eventName, severityNumber, attributes, body, timeUnixNano, observedTimeUnixNano }) => ({
          timeUnixNano: `${timeUnixNano}`,
          observedTimeUnixNano: `${observedTimeUnixNano}`,
          severityNumber,
          eventName,
          body: { stringValue: body },
          attributes,
        })),
      );
      assert.deepEqual(named(sent, EXEC)[0]?.attributes['process.command_args'], [
        '/bin/true',
        '\x1b[31m\nred',
        '',
      ]);
    } finally {
      await shell.end();
      await sink.close();
    }
  });

  it('gets nothing with --output none', async () => {
    const cli = await new Cli([...tree, '--output', 'none']).ready();
    spawnSync('/bin/true');
    const { code, stdout, stderr } = await cli.stop();
    assert.deepEqual([code, stdout], [0, '']);
    assert.match(stderr, /^records: nowhere \(--output none\)$/m);
    const { delivered, filtered, lost } = lastLine(stderr);
    assert.deepEqual([delivered, lost], [0, 0]);
    assert.ok(filtered > 0);
  });

  it('may go away: the run ends quietly, with 0', async () => {
    const cli = await new Cli(tree).ready();
    cli.closeStdout();
    // It notices when it writes.
    const deeds = setInterval(() => spawnSync('/bin/true'), 100);
    const { code, errors } = await cli.end().finally(() => clearInterval(deeds));
    assert.deepEqual([code, errors], [0, []]);
  });

  for (const [what, env, isColoured] of [
    ['colours', {}, true],
    ['no colours with NO_COLOR', { NO_COLOR: '1' }, false],
  ] as const) {
    it(`shows ${what}, and Ctrl-C ends the run`, async function () {
      needsCommand(this, 'script', '--version');
      const cli = new Cli(tree, { env, wrap: TERMINAL, input: true });
      await until(cli, 'stop: Ctrl-C');
      spawnSync('/bin/true', ['the-last']);
      await until(cli, 'the-last');
      cli.type('\x03');
      const { code, stdout } = await cli.end();
      assert.equal(code, 0);
      const line = stdout.split('\r\n').find((each) => each.includes('the-last'))!;
      assert.equal(line.includes('\x1b[32m'), isColoured);
      assert.equal(line.includes('\x1b'), isColoured);
    });
  }
});

interface JsonRecord {
  readonly attributes: KeyValue[];
}
