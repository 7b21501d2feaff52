// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadNative } from '../../../src/sensor/native.ts';
import { StateDirectory, StateError } from '../../../src/state/state-directory.ts';
import { skip } from '../../support/skip.ts';

describe('StateDirectory', () => {
  let root: string;
  let path: string;
  const native = loadNative();
  const open = (where = path) => new StateDirectory(where, (fd) => native.lockFile(fd));
  const refused = (kind: StateError['kind'], why: RegExp, where = path) =>
    assert.throws(
      () => open(where),
      (error) => error instanceof StateError && error.kind === kind && why.test(error.message),
    );

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'state-')));
    path = join(root, 'kept');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('is made for us alone', () => {
    const state = open();
    const spool = state.directory('spool');
    assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.equal(statSync(spool).mode & 0o777, 0o700);
    assert.equal(statSync(state.file('lock')).mode & 0o777, 0o600);
    assert.equal(readFileSync(state.file('lock'), 'utf8'), `${process.pid}\n`);
    state.close();
  });

  it('belongs to one agent at a time', () => {
    const first = open();
    refused('in_use', new RegExp(`another agent uses it \\(process ${process.pid}\\)`));
    first.close();
    open().close();
  });

  it('that others may enter is refused', () => {
    mkdirSync(path);
    chmodSync(path, 0o750);
    refused('unsafe', /others may enter it \(mode 750\); chmod 700 it/);
  });

  it('of somebody else is refused', function () {
    if (process.geteuid!() !== 0) skip(this, 'only root can give a directory away');
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, 65534, 65534);
    refused('unsafe', /belongs to user 65534, not to user 0/);
  });

  it('is no symbolic link, and lies behind none', () => {
    mkdirSync(join(root, 'real'), { mode: 0o700 });
    symlinkSync(join(root, 'real'), path);
    refused('unsafe', /is a symbolic link, which is not followed/);
    refused('unsafe', /kept is a symbolic link or lies behind one; write .*real/, join(path, 'below'));
  });

  it('lies where nobody else can put another in its place', () => {
    const between = join(root, 'open');
    mkdirSync(between);
    chmodSync(between, 0o777);
    refused('unsafe', /open can be changed by others/, join(between, 'kept'));
  });

  it('does not follow its lock file either', () => {
    mkdirSync(path, { mode: 0o700 });
    writeFileSync(join(root, 'victim'), 'x');
    symlinkSync(join(root, 'victim'), join(path, 'lock'));
    refused('failed', /ELOOP/);
    assert.equal(readFileSync(join(root, 'victim'), 'utf8'), 'x');
  });

  it('says what is wrong with a path', () => {
    writeFileSync(join(root, 'file'), '');
    refused('unsafe', /is no directory/, join(root, 'file'));
    refused('failed', /the folder that it lies in does not exist \(ENOENT\)/, join(root, 'no', 'kept'));
    refused('failed', /a part of the path is no directory \(ENOTDIR\)/, join(root, 'file', 'kept'));
  });
});
