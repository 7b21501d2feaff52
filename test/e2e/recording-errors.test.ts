// SPDX-License-Identifier: Apache-2.0
// Recordings that cannot be written or read: one line on stderr, an exit code of its own for each.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cli, type CliEnd, cleanUp, runCli } from '../support/cli.ts';
import { FIXTURE } from '../support/fixture.ts';
import { needsKernel } from '../support/needs.ts';
import { withMounts } from '../support/private.ts';
import { lastLine } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';

describe('replay', function () {
  this.timeout('60s');
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'agentsmith-replay-'));
  });

  afterEach(() => rmSync(dir, { recursive: true }));

  cleanUp();

  const file = (content: Uint8Array | string) => {
    const path = join(dir, 'made.ring');
    writeFileSync(path, content);
    return path;
  };
  const replay = (path: string) => runCli(['replay', path, '--fast', '--output', 'json']);
  const check = (end: CliEnd, code: number, message: RegExp) => {
    assert.equal(end.errors.length, 1, end.stderr);
    assert.match(end.errors[0]!, message);
    assert.doesNotMatch(end.stderr, /^ +at /m);
    assert.equal(end.code, code);
  };

  it('of a file that is not there ends with 66', async () => {
    check(await replay(join(dir, 'nowhere.ring')), 66, /^error: ENOENT.*nowhere\.ring/);
  });

  it('of something else ends with 65', async () => {
    check(await replay(file('#!/bin/sh\n')), 65, /^error: not a recording of agentsmith-otel$/);
    check(await replay(file('')), 65, /^error: not a recording of agentsmith-otel$/);
  });

  it('of another version ends with 65', async () => {
    const text = readFileSync(FIXTURE).toString('latin1');
    const other = text.replace(/("layout":")[0-9a-f]{2}/, '$1xx');
    check(
      await replay(file(Buffer.from(other, 'latin1'))),
      65,
      /^error: .*made by another version \(layout xx/,
    );
  });

  it('of one that is cut off prints what is whole and ends with 65', async () => {
    const whole = (await replay(FIXTURE)).stdout.split('\n').length;
    const bytes = readFileSync(FIXTURE);
    const end = await replay(file(bytes.subarray(0, bytes.length - 1)));
    check(end, 65, /^error: .*cut off at byte \d+$/);
    assert.ok(end.stdout.split('\n').length < whole);
    for (const line of end.stdout.trimEnd().split('\n')) if (line !== '') JSON.parse(line);
  });

  it('of one that is damaged ends with 65', async () => {
    const bytes = Buffer.from(readFileSync(FIXTURE));
    bytes[bytes.length - 9]! ^= 1;
    check(await replay(file(bytes)), 65, /^error: .*damaged at byte \d+: checksum$/);
  });

  it('of a folder ends with 66', async () => {
    check(await replay(dir), 66, /^error: EISDIR/);
  });
});

describe('record', function () {
  this.timeout('60s');
  let dir: string;

  before(needsKernel);

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'agentsmith-record-'));
  });

  afterEach(() => rmSync(dir, { recursive: true }));

  cleanUp();

  it('never writes over a file: it ends with 73', async () => {
    const path = join(dir, 'mine');
    writeFileSync(path, 'mine');
    const { code, stderr } = await runCli(['record', path, '--tree', `${process.pid}`]);
    assert.match(stderr, /^error: EEXIST[^\n]*\n$/);
    assert.equal(code, 73);
    assert.equal(readFileSync(path, 'utf8'), 'mine');
  });

  it('ends with 73 where the folder is missing', async () => {
    const { code, stderr } = await runCli(['record', join(dir, 'nowhere', 'x.ring')]);
    assert.match(stderr, /^error: ENOENT[^\n]*\n$/);
    assert.equal(code, 73);
  });

  it('ends with 74 when the disk is full, and what is recorded can be replayed', async function () {
    const shell = new Shell();
    const kept = join(dir, 'kept.ring');
    const path = join(dir, 'disk', 'full.ring');
    // The small disk is seen by the recorder alone; its shell saves the file before it goes.
    const script = `mkdir ${dir}/disk; mount -t tmpfs -o size=128k none ${dir}/disk; code=0
"$@" || code=$?; cp ${path} ${kept}; exit $code`;
    const recorder = new Cli(['record', path, '--tree', `${shell.pid}`], {
      wrap: withMounts(this, script, ''),
    });
    try {
      await recorder.ready();
      await shell.run(`A=$(head -c 20000 /dev/zero | tr '\\0' a)`);
      await shell.runTrue(20, '$A');
      const { code, errors } = await recorder.end();
      assert.equal(code, 74);
      assert.equal(errors.length, 1);
      assert.match(errors[0]!, /^error: ENOSPC/);
    } finally {
      await shell.end();
    }
    const { code, stderr } = await runCli(['replay', kept, '--fast', '--output', 'none']);
    assert.equal(code, 0, stderr);
    assert.equal(lastLine(stderr).lost, 0);
  });
});
