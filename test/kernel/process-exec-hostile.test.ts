// SPDX-License-Identifier: Apache-2.0
// What those who want to hide do to an exec record: bytes that are no text, sizes that are no sizes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execBy, expectExec, operand } from '../support/exec.ts';
import { scaled, triggerPath } from '../support/triggers.ts';
import { openWatch, type Watch } from '../support/watch.ts';

const ARGS = 'process.command_args';
const CWD = 'process.working_directory';
const EXE = 'process.executable.path';
/** ebpf/lib/text.h and ebpf/lib/path.h: what a walk gives up after, components and mounts together. */
const PATH_BYTES = 4096;
const WALK_STEPS = 640;

/** What is kept of a path whose components are `names`, root first: the leaf, and as much above it as was asked for. */
function tail(names: readonly string[]): string {
  const kept: string[] = [];
  let bytes = 0;
  for (let i = names.length - 1; i >= 0 && bytes < PATH_BYTES && kept.length < WALK_STEPS; i--) {
    kept.unshift(names[i]!);
    bytes += names[i]!.length + 1;
  }
  return (kept.length === names.length ? '/' : '') + kept.join('/');
}

/** The names that `deep` of exec-steps.h gives. */
function deepNames(depth: number, length: number): string[] {
  const name = new Array<string>(length).fill('d');
  return Array.from({ length: depth }, (_, i) => {
    for (let j = length - 1, n = i; j >= 0 && n > 0; j--, n = Math.floor(n / 26)) {
      name[j] = String.fromCharCode(97 + (n % 26));
    }
    return name.join('');
  });
}

describe('process.exec of hostile programs', function () {
  this.timeout(scaled(60_000));
  let watch: Watch;
  let folder: string;

  before(function () {
    watch = openWatch(this);
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'exec-')));
  });

  after(async () => {
    await watch?.close();
    // Node's own rm knows no paths beyond PATH_MAX.
    if (folder) execFileSync('rm', ['-rf', folder]);
  });

  for (const size of [32_768, 32_769, 40_000, 120_000]) {
    it(`tells the whole size of ${size} bytes of argv, of which it shows 32 KiB`, async function () {
      const first = ['program', 'visible'];
      const args = [...first, 'x'.repeat(size - first.join('\0').length - 2), ''].slice(0, 3);
      const record = expectExec(watch, await execBy(this, watch, [], { args }));
      assert.equal(record.attributes['agentsmith.process.command_args.size'], size);
      assert.equal(
        record.attributes['agentsmith.process.command_args.truncated'],
        size > 32_768 || undefined,
      );
      assert.equal(record.body, `${args.join(' ').slice(0, 199)}…`);
    });
  }

  it('keeps many small arguments apart', async function () {
    const args = Array.from({ length: 5000 }, (_, i) => (i % 7 === 0 ? '' : `${i}`));
    const record = expectExec(watch, await execBy(this, watch, [], { args }));
    assert.equal((record.attributes[ARGS] as string[]).length, 5000);
  });

  it('escapes bytes of arguments that are no UTF-8, and says so', async function () {
    const args = [
      'caf\xc3\xa9',
      'lat\xedn\\1',
      '\xff\xfe',
      'plain\\x41',
      'cut \xe2\x82',
      '\xed\xa0\x80',
      '\xc0\x80',
    ];
    const record = expectExec(watch, await execBy(this, watch, [], { args }), {
      more: { 'agentsmith.escaped': [ARGS] },
    });
    const shown = [
      'café',
      'lat\\xedn\\\\1',
      '\\xff\\xfe',
      'plain\\\\x41',
      'cut \\xe2\\x82',
      '\\xed\\xa0\\x80',
      '\\xc0\\x80',
    ];
    assert.deepEqual(record.attributes[ARGS], shown);
  });

  it('leaves control characters in arguments as they are', async function () {
    const args = ['a\nb', '\x1b[2J\x1b[1;1H', '\r\x07\x7f', '\t', '"{}"'];
    const record = expectExec(watch, await execBy(this, watch, [], { args }));
    assert.deepEqual(record.attributes[ARGS], args);
  });

  it('escapes a working directory, a program and a descriptor whose names are no UTF-8', async function () {
    const name = Buffer.concat([Buffer.from(folder), Buffer.from('/d\xeer\\ \n', 'latin1')]);
    const steps = ['mkdir', operand(name.toString('latin1')), 'cwd', operand(name.toString('latin1'))];
    const copy = ['copy', operand(triggerPath('process-exec')), operand('pr\xf6gram\\x')];
    const truth = await execBy(this, watch, [...steps, ...copy, 'fd', '0', 'file=%ff'], {
      program: './pr\xf6gram\\x',
      args: ['program'],
    });
    const escaped = [CWD, 'agentsmith.process.stdin.path', EXE, 'process.executable.name', 'thread.name'];
    const record = expectExec(watch, truth, { more: { 'agentsmith.escaped': escaped } });
    assert.equal(record.attributes[CWD], `${folder}/d\\xeer\\\\ \n`);
    assert.equal(record.attributes['process.executable.name'], 'pr\\xf6gram\\\\x');
  });

  it('escapes a script’s path as a whole, also when only the working directory needs it', async function () {
    const directory = operand(`${folder}/scr\xefpts`);
    writeFileSync(join(folder, 'back\\slash'), `#!${triggerPath('process-exec')}\n`, { mode: 0o700 });
    const truth = await execBy(this, watch, ['mkdir', directory, 'cwd', directory], {
      program: '../back\\slash',
    });
    expectExec(watch, truth, {
      more: {
        'agentsmith.process.script.path': `${folder}/scr\\xefpts/../back\\\\slash`,
        'agentsmith.process.interpreter.path': triggerPath('process-exec'),
        'agentsmith.escaped': [CWD, 'agentsmith.process.script.path'],
      },
    });
  });

  for (const [depth, length, what] of [
    [600, 1, 'of 600 components whole'],
    [700, 1, 'of 700 components to its last 640'],
    [15, 255, 'of nearly 4096 bytes whole'],
    [20, 255, 'of 5 KB to its last 4 KB'],
  ] as const) {
    it(`follows a path ${what}`, async function () {
      const root = mkdtempSync(join(folder, 'deep-'));
      const names = [...root.slice(1).split('/'), ...deepNames(depth, length)];
      const copy = ['copy', operand(triggerPath('process-exec')), 'program'];
      const truth = await execBy(this, watch, ['cwd', root, 'deep', `${depth}`, `${length}`, ...copy], {
        program: './program',
      });
      const path = tail([...names, 'program']);
      expectExec(watch, truth, {
        instead: { [CWD]: tail(names), [EXE]: path, 'process.executable.name': 'program' },
      });
    });
  }

  it('keeps a record whole whose texts are all as long as they can be', async function () {
    const root = mkdtempSync(join(folder, 'long-'));
    const names = [...root.slice(1).split('/'), ...deepNames(18, 255)];
    const deep = ['cwd', root, 'deep', '18', '255', 'copy', operand(triggerPath('process-exec')), 'p'];
    const files = ['fd', '0', 'file=f', 'fd', '1', 'file=f', 'fd', '2', 'file=f'];
    const script = `${'./'.repeat(2040)}s`;
    const write = join(folder, 'script');
    writeFileSync(write, `#!${'./'.repeat(100)}p\n`, { mode: 0o700 });
    const steps = [...deep, ...files, 'copy', operand(write), 's'];
    const preload = 'p'.repeat(2000);
    const args = ['program', 'a'.repeat(60_000)];
    const env = { LD_PRELOAD: preload, SSH_CONNECTION: preload };
    const truth = await execBy(this, watch, steps, { program: script, args }, { env });
    const records = watch.all(
      'agentsmith.process.exec',
      (r) => r.attributes['process.pid'] === Number.parseInt(truth.proc.stat, 10),
    );
    const { attributes } = records.at(-1)!;
    assert.equal(attributes[CWD], tail(names));
    assert.equal(attributes[EXE], tail([...names, 'p']));
    for (const stream of ['stdin', 'stdout', 'stderr']) {
      assert.equal(attributes[`agentsmith.process.${stream}.path`], tail([...names, 'f']));
    }
    assert.equal(
      attributes['process.environment_variable.LD_PRELOAD'],
      preload.slice(0, 1023 - 'LD_PRELOAD='.length),
    );
    assert.equal(
      attributes['process.environment_variable.SSH_CONNECTION'],
      preload.slice(0, 1023 - 'SSH_CONNECTION='.length),
    );
    assert.ok(String(attributes['agentsmith.process.script.path']).endsWith(script));
  });

  it('sees a program that was renamed while it was started under its new name only', async function () {
    const program = join(folder, 'before');
    copyFileSync(triggerPath('process-exec'), program);
    renameSync(program, join(folder, 'after'));
    const record = expectExec(
      watch,
      await execBy(this, watch, [], { program: join(folder, 'after'), args: [program] }),
    );
    assert.equal(record.attributes[EXE], join(folder, 'after'));
  });
});
