// SPDX-License-Identifier: Apache-2.0
// A recording and its replay by the built CLI. Damaged recordings, byte by byte: test/unit/sensor, test/fuzz.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cli, type CliOptions, cleanUp, runCli } from '../support/cli.ts';
import { needsCommand, needsKernel } from '../support/needs.ts';
import type { Attributes, LogRecord } from '../support/otlp-decode.ts';
import { attributesOf, type KeyValue } from '../support/otlp-json.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { CONNECT, comparable, EXEC, EXIT, lastLine, named } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';

const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
const ANCESTRY = 'agentsmith.process.ancestry';

interface Printed extends Omit<LogRecord, 'attributes'> {
  readonly attributes: Attributes;
}

describe('a recording', function () {
  this.timeout('60s');
  let dir: string;
  let file: string;
  let live: Printed[];

  before(async function () {
    needsKernel.call(this);
    dir = mkdtempSync(join(tmpdir(), 'agentsmith-replay-'));
    file = join(dir, 'deeds.ring');
    const shell = new Shell();
    const tree = ['--tree', `${shell.pid}`];
    const watching = await new Cli([...tree, '--output', 'json']).ready();
    const recording = await new Cli(['record', file, ...tree]).ready();
    await shell.run(
      '/bin/true one "two words"; sh -c "exit 3"; bash -c "exec 3<>/dev/tcp/127.0.0.1/9" 2>/dev/null',
    );
    // A second batch of the ring.
    await watching.until('print the end', () => watching.stdout.includes('exit 1 after'));
    await shell.runTrue(20);
    const { code, stderr } = await recording.stop();
    assert.equal(code, 0);
    assert.match(stderr, / bytes recorded in .*deeds\.ring, 0 records lost$/m);
    live = printed((await watching.stop()).stdout);
    await shell.end();
  });

  after(() => {
    if (dir) rmSync(dir, { recursive: true });
  });

  cleanUp();

  const printed = (stdout: string): Printed[] =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => {
        const { attributes, body, ...record } = JSON.parse(line) as Printed & {
          attributes: KeyValue[];
          body: { stringValue: string };
        };
        return { ...record, body: body.stringValue, attributes: attributesOf(attributes) as Attributes };
      });

  const replay = async (args: readonly string[], options: CliOptions = {}): Promise<string> => {
    const { code, stdout, stderr, errors } = await runCli(['replay', file, ...args], options);
    assert.deepEqual([code, errors], [0, []]);
    assert.equal(lastLine(stderr).lost, 0);
    return stdout;
  };

  const byProcess = (records: readonly Printed[]) => {
    const groups = new Map<string, object[]>();
    for (const record of records) {
      const { [ANCESTRY]: ancestry, ...attributes } = record.attributes;
      const key = `${attributes['agentsmith.process.id']} ${record.eventName}`;
      groups.set(key, [...(groups.get(key) ?? []), comparable({ ...record, attributes } as LogRecord)]);
      // A recording knows of the ancestors what it has seen of them: the nearest.
      if (record.eventName === EXEC) assert.ok((ancestry as string[]).length > 0, 'no ancestors');
    }
    return Object.fromEntries([...groups].sort());
  };

  it('is read by its owner alone', () => {
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('gives anybody who may read it the records that a live run printed', async function () {
    needsCommand(this, NOBODY[0]!, ...NOBODY.slice(1), 'true');
    const copy = join(dir, 'for-all.ring');
    cpSync(file, copy);
    chmodSync(dir, 0o755);
    chmodSync(copy, 0o644);
    const args = ['replay', copy, '--fast', '--output', 'json'];
    const { code, stdout, stderr } = await runCli(args, { wrap: NOBODY });
    assert.deepEqual([code, stderr.split('\n').length], [0, 3], stderr);
    const replayed = printed(stdout);
    assert.deepEqual(byProcess(replayed), byProcess(live));
    for (const name of [EXEC, EXIT, CONNECT]) assert.ok(named(replayed, name).length > 0, name);
    const nearest = (records: readonly Printed[]) =>
      named(records, EXEC)
        .map(({ attributes }) => (attributes[ANCESTRY] as string[])[0])
        .sort();
    assert.deepEqual(nearest(replayed), nearest(live));
  });

  it('is replayed in the same order at the speed at which it was made', async () => {
    const fast = await replay(['--fast', '--output', 'json']);
    assert.equal(await replay(['--output', 'json']), fast);
  });

  it('sends the same bytes each time, and through the stock SDK the same records', async () => {
    const sent: OtlpSink[] = [];
    for (const pipeline of ['fast', 'fast', 'sdk']) {
      const sink = await OtlpSink.start();
      sent.push(sink);
      await replay(['--fast', '--endpoint', sink.url, '--pipeline', pipeline]);
    }
    const events = (sink: OtlpSink) =>
      sink.records().filter(({ eventName }) => !eventName.includes('.sensor.'));
    const [first, second, sdk] = sent.map(events);
    assert.ok(first!.length >= 40);
    assert.deepEqual(second, first);
    // Field for field and attribute for attribute, the order included.
    const inOrder = (records: readonly LogRecord[]) =>
      records.map(({ attributes, ...record }) => ({ ...record, attributes: Object.entries(attributes) }));
    assert.deepEqual(inOrder(sdk!), inOrder(first!));
    const text = printed(await replay(['--fast', '--output', 'json']));
    assert.deepEqual(
      text.map(({ attributes }) => attributes),
      first!.map(({ attributes }) => attributes),
    );
    assert.deepEqual(
      text.map(({ timeUnixNano, observedTimeUnixNano }) => [
        BigInt(timeUnixNano),
        BigInt(observedTimeUnixNano),
      ]),
      first!.map(({ timeUnixNano, observedTimeUnixNano }) => [timeUnixNano, observedTimeUnixNano]),
    );
    for (const sink of sent) await sink.close();
  });

  it('shows only the events and the tree that are asked for', async () => {
    const connects = printed(await replay(['--fast', '--output', 'json', '--events', 'connect']));
    assert.deepEqual([...new Set(connects.map(({ eventName }) => eventName))], [CONNECT]);
    const one = live.find(({ body }) => body === 'sh -c exit 3')!.attributes['process.pid'];
    const tree = printed(await replay(['--fast', '--output', 'json', '--tree', `${one}`]));
    assert.deepEqual(
      tree.map(({ eventName, attributes }) => [eventName, attributes['process.pid']]),
      [
        [EXEC, one],
        [EXIT, one],
      ],
    );
  });
});
