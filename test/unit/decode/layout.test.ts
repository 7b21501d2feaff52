// SPDX-License-Identifier: Apache-2.0
// The checked-in layout is the one of ebpf/events.h. That the kernel fills it so is left to test/kernel.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as layout from '../../../src/decode/layout.gen.ts';
import { repository } from '../../support/repository.ts';
import { skip } from '../../support/skip.ts';

const ebpf = join(repository, 'ebpf');

describe('the layout of records', function () {
  this.timeout('60s');

  it('is what gen-layout.ts makes of ebpf/events.h', function () {
    if (spawnSync('clang', ['--version']).error)
      skip(this, 'clang is not installed: `npm run gen:layout` needs it');
    const dir = mkdtempSync(join(tmpdir(), 'agentsmith-layout-'));
    try {
      const object = join(dir, 'layout.o');
      // The words of the Makefile: asking it keeps this test from having flags of its own.
      const [command] = execFileSync('make', ['-s', '-n', '-B', '-C', ebpf, 'build/layout.o', 'V=1'], {
        encoding: 'utf8',
      })
        .split('\n')
        .filter((line) => line.includes('layout.c'));
      assert.ok(command, 'the Makefile no longer says how layout.o is built');
      execFileSync('sh', ['-c', command.replace(/-o \S+/, `-o ${object}`)], {
        cwd: ebpf,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      execFileSync(process.execPath, [join(ebpf, 'gen-layout.ts'), object, dir]);
      const read = (path: string) => readFileSync(path, 'utf8');
      const stale = 'events.h has changed: run `npm run gen:layout`';
      assert.equal(
        read(join(dir, 'layout.gen.ts')),
        read(join(repository, 'src/decode/layout.gen.ts')),
        stale,
      );
      assert.equal(read(join(dir, 'layout.gen.h')), read(join(ebpf, 'layout.gen.h')), stale);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('has one id on both sides', () => {
    const header = readFileSync(join(ebpf, 'layout.gen.h'), 'utf8');
    assert.ok(header.includes(`LAYOUT_ID 0x${layout.LAYOUT_ID.toString(16).padStart(16, '0')}ull`), header);
  });

  const structs = [
    layout.processExec,
    layout.processFork,
    layout.processExit,
    layout.networkConnect,
    layout.dnsMessage,
    layout.fileChange,
  ];

  it('starts every record with the same header and actor', () => {
    for (const { header, who } of structs) {
      assert.deepEqual(header, layout.processExec.header);
      assert.deepEqual(who, layout.processExec.who);
    }
    assert.equal(layout.processExec.who.SIZE % 4, 0, 'the actor is compared in words');
  });

  it('keeps every member aligned, so that typed arrays can read it', () => {
    const check = (struct: object) => {
      for (const member of Object.values(struct)) {
        if (typeof member !== 'object') continue;
        if (!('offset' in member)) check(member);
        else if (!['chars', 'bytes'].includes(member.type)) {
          const half = ['u16', 'port', 'text', 'path_text'].includes(member.type);
          assert.equal(member.offset % (half ? 2 : 4), 0, JSON.stringify(member));
        }
      }
    };
    for (const struct of structs) {
      check(struct);
      assert.equal(struct.SIZE % 8, 0);
    }
  });
});
