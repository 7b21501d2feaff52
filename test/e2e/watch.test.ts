// SPDX-License-Identifier: Apache-2.0
// `watch` on real terminals and without one. What stands where on the screen: test/unit/watch.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkOrphans } from '../support/bpf.ts';
import { Cli, cleanUp } from '../support/cli.ts';
import { needsCommand, needsKernel } from '../support/needs.ts';
import { repository } from '../support/repository.ts';
import { Shell } from '../support/shell.ts';
import { Terminal } from '../support/tmux.ts';

/** Clears a screen, sets a title, begins a line, moves the cursor, is wide. */
const HOSTILE = '\x1b[2J\x1b]0;owned\x07\r\n\x1b[9;9H日本語';

describe('watch', function () {
  this.timeout('60s');

  before(needsKernel);
  cleanUp();

  let folder: string;
  let shell: Shell;
  let terminal: Terminal | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentsmith-watch-'));
    shell = new Shell();
  });
  afterEach(async () => {
    terminal?.close();
    terminal = undefined;
    await shell.end();
    rmSync(folder, { recursive: true });
  });
  after(checkOrphans);

  /** The command line in a terminal; behind it stands its exit code. */
  function open(context: Mocha.Context, env = 'env -u NO_COLOR'): Terminal {
    needsCommand(context, 'tmux', '-V');
    const cli = [process.execPath, join(repository, 'build/src/cli.js'), 'watch', '--tree', `${shell.pid}`];
    terminal = new Terminal(`${env} ${cli.join(' ')}; echo ended with $?`, { columns: 80, rows: 24 });
    return terminal;
  }

  const isDrawn = (rows: number) => (lines: readonly string[]) =>
    lines.length === rows &&
    lines[0]!.startsWith('agentsmith-otel ') &&
    lines[rows - 1]!.startsWith('q quits');

  it('draws processes and events, follows the size of its terminal, and q gives the terminal back', async function () {
    const screen = open(this);
    await screen.until('the first picture', isDrawn(24));
    const hostile = join(folder, `${HOSTILE}`.replaceAll('/', ''));
    copyFileSync('/bin/true', hostile);
    await shell.run(`'${hostile}'`);
    await shell.run('/bin/true the-last');
    const lines = await screen.until('the last command', (all) =>
      all.some((line) => line.includes('the-last')),
    );
    assert.ok(isDrawn(24)(lines), lines.join('\n'));
    assert.match(lines[1]!, /^0 lost; /);
    assert.match(lines[3]!, /^ {4}PID USER {5}PROCESS/);
    assert.equal(
      lines.filter((line) => /^ *\d+ \S+ +\\x1b\[2J\\x1b\]0;o… /.test(line)).length,
      1,
      lines.join('\n'),
    );
    assert.ok(
      lines.every((line) => !/^\s*日本語/.test(line)),
      lines.join('\n'),
    );

    screen.resize({ columns: 100, rows: 30 });
    const larger = await screen.until('the larger picture', isDrawn(30));
    assert.match(larger[3]!, / {18}EVENTS\/s/);
    screen.resize({ columns: 40, rows: 6 });
    await screen.until('the smaller picture', isDrawn(6));
    screen.resize({ columns: 80, rows: 24 });
    await screen.until('the first size again', isDrawn(24));
    assert.ok(screen.screen({ colours: true }).some((line) => line.includes('\x1b[')));

    screen.type('q');
    const left = await screen.until('the end', (all) => all.some((line) => line.startsWith('ended with')));
    assert.ok(left.includes('ended with 0'), left.join('\n'));
    assert.ok(left.some((line) => / delivered, \d+ filtered, 0 lost$/.test(line)));
    assert.ok(!left.some((line) => line.startsWith('q quits')));
  });

  it('has no colours with NO_COLOR, and Ctrl-C ends it', async function () {
    const screen = open(this, 'env NO_COLOR=1');
    await screen.until('the first picture', isDrawn(24));
    await shell.run('/bin/true the-last');
    await screen.until('the last command', (all) => all.some((line) => line.includes('the-last')));
    assert.ok(screen.screen({ colours: true }).every((line) => !line.includes('\x1b')));
    screen.type('C-c');
    await screen.until('the end', (all) => all.includes('ended with 0'));
  });

  it('is a stream of lines where there is no terminal', async () => {
    const cli = await new Cli(['watch', '--tree', `${shell.pid}`]).ready();
    await shell.run('/bin/true the-last');
    await cli.until('print', () => cli.stdout.includes('the-last'));
    const { code, stdout } = await cli.stop();
    assert.equal(code, 0);
    assert.match(stdout, /^\d\d:\d\d:\d\d\.\d{3} process\.exec {4}true\[\d+\] +\/bin\/true the-last$/m);
    assert.ok(!stdout.includes('\x1b'));
  });
});
