// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OutputFileError, RotatingFile, tryOutput } from '../../../src/export/file.ts';
import { skip } from '../../support/skip.ts';

const line = (text: string) => Buffer.from(`${text}\n`);

describe('a file of lines', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentsmith-file-'));
    path = join(folder, 'events.jsonl');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const open = (maxBytes = 1000, keep = 2) => new RotatingFile({ path, maxBytes, keep });
  const lines = (name = path) => readFileSync(name, 'utf8').split('\n').slice(0, -1);

  it('is for its owner alone, and goes on where it ended', async () => {
    for (const text of ['one', 'two']) {
      const file = open();
      tryOutput(path);
      await file.append(line(text));
      await file.close();
    }
    assert.deepEqual(lines(), ['one', 'two']);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('is taken from others when it was theirs to read', async () => {
    writeFileSync(path, 'old\n', { mode: 0o644 });
    const file = open();
    await file.append(line('new'));
    await file.close();
    assert.deepEqual(lines(), ['old', 'new']);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('is turned over before a line would make it too large, and only so many are kept', async () => {
    const file = open(12, 2);
    for (const text of ['aaaaa', 'bbbbb', 'c', 'dddddddddddddddddd', 'e', 'f']) await file.append(line(text));
    await file.close();
    assert.deepEqual(lines(), ['e', 'f']);
    assert.deepEqual(lines(`${path}.1`), ['dddddddddddddddddd'], 'a line that is too large stands alone');
    assert.deepEqual(lines(`${path}.2`), ['c']);
    assert.equal(readdirSync(folder).length, 3);
    for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  });

  it('is made anew when somebody moved or removed it', async () => {
    const file = open();
    await file.append(line('one'));
    renameSync(path, `${path}.old`);
    await file.append(line('two'));
    rmSync(path);
    await file.append(line('three'));
    await file.close();
    assert.deepEqual(lines(`${path}.old`), ['one']);
    assert.deepEqual(lines(), ['three']);
  });

  it('keeps what others append', async () => {
    const file = open();
    await file.append(line('one'));
    appendFileSync(path, 'theirs\n');
    await file.append(line('two'));
    await file.close();
    assert.deepEqual(lines(), ['one', 'theirs', 'two']);
  });

  it('may not be a link, a folder, a pipe, a device, or a file with two names', async () => {
    const target = join(folder, 'target');
    writeFileSync(target, 'untouched');
    const refusals: [() => void, RegExp][] = [
      [() => symlinkSync(target, path), /symbolic link, which is not followed \(ELOOP\)/],
      [() => symlinkSync(join(folder, 'nothing'), path), /symbolic link/],
      [() => mkdirSync(path), /is a folder/],
      [() => execFileSync('mkfifo', [path]), /is no regular file/],
      [() => linkSync(target, path), /has another name/],
    ];
    for (const [make, why] of refusals) {
      make();
      const isRefused = (error: unknown) =>
        error instanceof OutputFileError && error.message.startsWith(`${path}: `) && why.test(error.message);
      assert.throws(() => tryOutput(path), isRefused);
      await assert.rejects(open().append(line('x')), isRefused);
      rmSync(path, { recursive: true });
    }
    assert.equal(readFileSync(target, 'utf8'), 'untouched');
    assert.ok(!existsSync(join(folder, 'nothing')));
    assert.throws(() => tryOutput('/dev/null'), /is no regular file/);
    assert.throws(() => tryOutput(join(folder, 'none', 'x')), /its folder does not exist \(ENOENT\)/);
  });

  it('may not be a link that came later', async () => {
    const file = open(4);
    const target = join(folder, 'target');
    writeFileSync(target, 'untouched');
    await file.append(line('one'));
    rmSync(path);
    symlinkSync(target, path);
    await assert.rejects(file.append(line('two')), /symbolic link/);
    rmSync(path);
    await file.append(line('three'));
    await file.close();
    assert.deepEqual(lines(), ['three']);
    assert.equal(readFileSync(target, 'utf8'), 'untouched');
    assert.ok(!lstatSync(path).isSymbolicLink());
  });

  it('may not belong to somebody else', function () {
    if (process.geteuid?.() !== 0) return skip(this, 'only root can give files away');
    writeFileSync(path, '');
    chownSync(path, 65_534, 65_534);
    assert.throws(() => tryOutput(path), /belongs to user 65534/);
  });
});
