// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { parsePasswd, Users } from '../../../src/enrich/users.ts';

const ROOT = 'root:x:0:0:root:/root:/bin/bash\n';

describe('Users', () => {
  let folder: string;
  let path: string;
  let now: number;
  let users: Users;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'users-'));
    path = join(folder, 'passwd');
    now = 0;
    users = new Users({ paths: [join(folder, 'absent'), path], now: () => now });
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('takes the name from the first file that there is', () => {
    writeFileSync(path, `${ROOT}bob:x:1000:1000::/home/bob:/bin/sh\n`);
    assert.equal(users.name(0), 'root');
    assert.equal(users.name(1000), 'bob');
    assert.equal(users.name(1001), undefined);
  });

  it('sees a replaced file after a second, and not before', () => {
    writeFileSync(path, ROOT);
    assert.equal(users.name(1000), undefined);
    writeFileSync(join(folder, 'new'), `${ROOT}eve:x:1000:1000::/:/bin/sh\n`);
    renameSync(join(folder, 'new'), path);
    now = 999;
    assert.equal(users.name(1000), undefined);
    now = 1000;
    assert.equal(users.name(1000), 'eve');
  });

  it('keeps the last names when the file goes away', () => {
    writeFileSync(path, ROOT);
    assert.equal(users.name(0), 'root');
    rmSync(path);
    now = 5000;
    assert.equal(users.name(0), 'root');
  });

  it('knows nobody without a file, and reads no folder', () => {
    assert.equal(users.name(0), undefined);
    assert.equal(new Users({ paths: [folder] }).name(0), undefined);
  });

  it('gives a replay the names that were recorded', () => {
    writeFileSync(path, `${ROOT}bob:x:1000:1000::/:/bin/sh\n`);
    const replayed = Users.from(JSON.parse(JSON.stringify(users.all())) as Record<string, string>);
    assert.equal(replayed.name(1000), 'bob');
    assert.deepEqual(replayed.all(), { 0: 'root', 1000: 'bob' });
    assert.deepEqual(Users.from({ x: 'y', '-1': 'z', 5: '' }).all(), {});
  });

  it('stops reading at 4 MiB and at 65,536 entries', () => {
    writeFileSync(path, `${ROOT}${'#'.repeat(4 * 1024 * 1024)}\nlate:x:7:7::/:/bin/sh\n`);
    assert.deepEqual(users.all(), { 0: 'root' });
    const many = Array.from({ length: 70_000 }, (_, uid) => `u${uid}:x:${uid}:1::/:/bin/sh`).join('\n');
    assert.equal(parsePasswd(many).size, 65_536);
  });
});

describe('parsePasswd', () => {
  it('takes the first entry of a uid, as libc does', () => {
    assert.deepEqual([...parsePasswd(`${ROOT}toor:x:0:0::/root:/bin/sh\n`)], [[0, 'root']]);
  });

  it('skips what is no entry', () => {
    const lines = [
      '',
      'x',
      ':x:1:1',
      '#a:x:2:2',
      '+a:x:3:3',
      '-a:x:4:4',
      'a:x:y:5',
      'a:x:-6:6',
      'a:x:4294967295:7',
      'a:x:8',
    ];
    assert.equal(parsePasswd(lines.join('\n')).size, 0);
    assert.deepEqual([...parsePasswd('last:x:9:9:no newline')], [[9, 'last']]);
  });

  it('gives names of users and nothing else, whatever the file holds', () => {
    const field = fc.oneof(
      fc.constantFrom('root', 'x', '0', '4294967294', '', '+', '\n', ':'),
      fc.string({ maxLength: 12 }),
    );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 40 }), (fields) => {
        for (const [uid, name] of parsePasswd(fields.join(':'))) {
          assert.ok(Number.isInteger(uid) && uid >= 0 && uid < 2 ** 32 - 1);
          assert.match(name, /^[^:\n]{1,256}$/);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
