// SPDX-License-Identifier: Apache-2.0
// The library on the real kernel: examples/library.ts sees its own children only.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgent } from '../../src/index.ts';
import { checkOrphans } from '../support/bpf.ts';
import { readCollectorFile } from '../support/collector-file.ts';
import { needsKernel } from '../support/needs.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { repository } from '../support/repository.ts';
import { EXEC, EXIT, named } from '../support/sent.ts';

describe('examples/library.ts', function () {
  this.timeout('60s');
  let folder: string;

  before(needsKernel);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentsmith-library-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));
  after(checkOrphans);

  it('prints what its children do, and writes what its processor leaves', async () => {
    const path = join(folder, 'events.jsonl');
    const { status, stdout, stderr, pid } = spawnSync(
      process.execPath,
      [join(repository, 'examples/library.ts'), '2'],
      { env: { PATH: process.env.PATH, EVENTS_FILE: path }, encoding: 'utf8' },
    );
    assert.deepEqual([status, stderr], [0, '']);
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines[0], `example.started  watching ${pid} and its children`);
    const last = /^(\d+) delivered, (\d+) filtered, nothing lost$/.exec(lines.at(-1)!);
    assert.ok(last, stdout);
    const { records } = await readCollectorFile(path);
    assert.equal(records.length, Number(last[1]));
    assert.deepEqual(
      named(records, EXEC).map(({ attributes }) => attributes['process.command_args']),
      [
        ['/bin/sh', '-c', 'true one; /bin/true two'],
        ['/bin/true', 'two'],
      ],
    );
    const exits = lines.filter((line) => line.startsWith(EXIT));
    assert.equal(exits.length, 2);
    assert.ok(exits.length <= Number(last[2]));
    assert.deepEqual(named(records, EXIT), []);
    assert.equal(named(records, 'example.started').length, 1);
    for (const { attributes } of records) assert.equal(attributes['deployment.environment.name'], 'example');
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });
});

describe('an agent within a program', function () {
  this.timeout('60s');

  before(needsKernel);
  after(checkOrphans);

  it('says that it is alive as often as it is told to, with its books', async () => {
    const sink = await OtlpSink.start();
    const agent = createAgent({ endpoint: sink.url, tree: process.pid, events: ['exec'], heartbeat: 50 });
    try {
      await agent.start();
      spawnSync('/bin/true');
      await sink.until(() => named(sink.records(), 'entity.state').length >= 3);
    } finally {
      await agent.stop();
      await sink.close();
    }
    const beats = named(sink.records(), 'entity.state');
    const { attributes, resource } = beats.at(-1)!;
    assert.equal(attributes['entity.type'], 'service.instance');
    assert.deepEqual(attributes['entity.id'], {
      'service.name': resource['service.name'],
      'service.instance.id': resource['service.instance.id'],
    });
  });
});
