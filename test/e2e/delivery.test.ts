// SPDX-License-Identifier: Apache-2.0
// The built CLI and a receiver that misbehaves: what arrives, what is lost, and whether it is said.
// The transport's own answers to every kind of failure: test/unit/export.
import assert from 'node:assert/strict';
import { Cli, cleanUp } from '../support/cli.ts';
import { needsKernel } from '../support/needs.ts';
import type { SinkRequest } from '../support/otlp-sink.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { EXEC, GAP, lastLine, latest, named, trueNumbers, upTo } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';

const UNAVAILABLE = { status: 14, message: 'restarting' };
const isLogs = ({ signal }: SinkRequest) => signal === 'logs';

describe('records and a receiver in trouble', function () {
  this.timeout('60s');
  let sink: OtlpSink;
  let shell: Shell;

  before(needsKernel);

  beforeEach(async () => {
    sink = await OtlpSink.start();
    shell = new Shell();
  });

  afterEach(async () => {
    await shell?.end();
    await sink?.close();
  });

  cleanUp();

  const start = (...args: string[]) =>
    new Cli(['--endpoint', sink.url, '--tree', `${shell.pid}`, ...args]).ready();

  it('are sent again until the receiver takes them', async () => {
    let refusals = 3;
    sink.respond((request) => (isLogs(request) && refusals-- > 0 ? UNAVAILABLE : undefined));
    const cli = await start();
    await shell.runTrue(20);
    await cli.said(/restarting.*they wait and are sent again/);
    await cli.said(/takes records again/);
    const { code, stderr } = await cli.stop();
    assert.equal(code, 0);
    assert.equal(lastLine(stderr).lost, 0);
    assert.deepEqual(trueNumbers(sink.records()), upTo(20));
  });

  it('wait for a receiver that starts later', async () => {
    const { url } = sink;
    await sink.close();
    const cli = await start();
    await shell.runTrue(20);
    await cli.said(/refuses connections: is the Collector running there\?/);
    sink = await OtlpSink.start({ port: Number(new URL(url).port) });
    await cli.said(/takes records again/);
    const { code, stderr } = await cli.stop();
    assert.equal(code, 0);
    assert.equal(lastLine(stderr).lost, 0);
    assert.deepEqual(trueNumbers(sink.records()), upTo(20));
  });

  it('all arrive where only small messages are taken', async () => {
    await sink.close();
    sink = await OtlpSink.start({ maxMessageBytes: 100_000 });
    const cli = await start();
    // One command line is a third of what the receiver takes, so that every batch of more has to be halved.
    await shell.run(`A=$(head -c 30000 /dev/zero | tr '\\0' a)`);
    await shell.runTrue(40, '$A');
    const { code, stderr } = await cli.stop();
    assert.equal(code, 0);
    assert.equal(lastLine(stderr).lost, 0);
    assert.deepEqual(trueNumbers(sink.records()), upTo(40));
    assert.ok(sink.requests.filter(isLogs).length > 40 / 4);
  });

  it('that a receiver rejects one by one count as lost, of events it does not name', async () => {
    let isFirst = true;
    sink.respond((request) => {
      if (!isFirst || !isLogs(request)) return undefined;
      isFirst = false;
      return { partialSuccess: { rejected: 1, message: 'too old' } };
    });
    const cli = await start('--metrics-interval', '200ms');
    await cli.said(/rejected 1 records: too old/);
    await sink.until(() => named(sink.records(), GAP).length > 0);
    const { stderr } = await cli.stop();
    assert.deepEqual([lastLine(stderr).lost, lastLine(stderr).why], [1, '1 mixed rejected']);
    const [gap] = named(sink.records(), GAP);
    assert.equal(gap?.attributes['agentsmith.gap.event'], 'mixed');
    assert.equal(gap?.attributes['agentsmith.gap.reason'], 'rejected');
    assert.deepEqual(
      latest(sink, 'agentsmith.sensor.event.dropped').filter(({ value }) => value > 0),
      [{ attributes: { 'agentsmith.event.name': 'mixed', 'error.type': 'rejected' }, value: 1 }],
    );
  });

  it('that the queue does not hold are counted, and told in the stream when there is room again', async () => {
    const deeds = 300;
    let isBusy = true;
    sink.respond((request) => (isBusy && isLogs(request) ? UNAVAILABLE : undefined));
    const cli = await start('--queue-size', '4MiB');
    await shell.run(`A=$(head -c 30000 /dev/zero | tr '\\0' a)`);
    await shell.runTrue(deeds, '$A');
    isBusy = false;
    await sink.until(() => named(sink.records(), GAP).length > 0);
    const { code, stderr } = await cli.stop();
    assert.equal(code, 0);
    const { delivered, filtered, lost, why } = lastLine(stderr);
    assert.match(why, /^\d+ process\.exec queue_full/);
    // The table before it says the same, with what the kernel filtered: the agent's own connections at least.
    const [, all = ''] = /^all +(.*)$/m.exec(stderr) ?? [];
    const [, , inTable, , exported, , lostInTable] = all
      .split(/ +/)
      .map((n) => Number(n.replaceAll(',', '')));
    assert.deepEqual([exported, inTable, lostInTable], [delivered, filtered, lost]);
    assert.ok(filtered > 0);
    const gaps = named(sink.records(), GAP);
    for (const { severityNumber, body, attributes } of gaps) {
      assert.equal(severityNumber, 13);
      const { 'agentsmith.gap.event': event, 'agentsmith.gap.count': count } = attributes;
      assert.equal(attributes['agentsmith.gap.reason'], 'queue_full');
      assert.equal(body, `${count} ${String(event).replace('agentsmith.', '')} lost: queue_full`);
      const [from, to] = ['start', 'end'].map((edge) =>
        Date.parse(String(attributes[`agentsmith.gap.${edge}`])),
      );
      assert.ok(from! < to!);
    }
    const told = (name: string) =>
      gaps
        .filter(({ attributes }) => attributes['agentsmith.gap.event'] === name)
        .reduce((sum, { attributes }) => sum + Number(attributes['agentsmith.gap.count']), 0);
    const arrived = trueNumbers(sink.records());
    assert.equal(new Set(arrived).size, arrived.length);
    const other = named(sink.records(), EXEC).length - arrived.length;
    // head and tr, which filled the variable, may be among the lost.
    assert.equal(arrived.length + other + told(EXEC), deeds + 2);
    assert.equal(
      gaps.reduce((sum, { attributes }) => sum + Number(attributes['agentsmith.gap.count']), 0),
      lost,
    );
  });
});

describe('records over HTTP and a receiver in trouble', function () {
  this.timeout('60s');
  let sink: OtlpSink;
  let shell: Shell;

  before(needsKernel);
  beforeEach(() => {
    shell = new Shell();
  });
  afterEach(async () => {
    await shell?.end();
    await sink?.close();
  });
  cleanUp();

  // Without connections: a storm of others' on this machine would fill the ring.
  for (const protocol of ['http/protobuf', 'http/json']) {
    const start = () =>
      new Cli(['--endpoint', sink.url, '--tree', `${shell.pid}`, '--events', 'process.*'], {
        env: { OTEL_EXPORTER_OTLP_PROTOCOL: protocol },
      }).ready();

    it(`are sent again until the receiver takes them (${protocol})`, async () => {
      sink = await OtlpSink.start({ protocol: 'http' });
      let refusals = 3;
      const reply = { httpStatus: 503, message: 'restarting', headers: { 'retry-after': '0' } };
      sink.respond((request) => (isLogs(request) && refusals-- > 0 ? reply : undefined));
      const cli = await start();
      await shell.runTrue(20);
      await cli.said(/HTTP 503 \(restarting\); they wait and are sent again/);
      await cli.said(/takes records again/);
      const { code, stderr } = await cli.stop();
      assert.equal(code, 0);
      assert.equal(lastLine(stderr).lost, 0);
      assert.deepEqual(trueNumbers(sink.records()), upTo(20));
    });

    it(`all arrive where only small requests are taken (${protocol})`, async () => {
      sink = await OtlpSink.start({ protocol: 'http', maxMessageBytes: 100_000 });
      const cli = await start();
      await shell.run(`A=$(head -c 30000 /dev/zero | tr '\\0' a)`);
      await shell.runTrue(40, '$A');
      const { code, stderr } = await cli.stop();
      assert.equal(code, 0);
      assert.equal(lastLine(stderr).lost, 0);
      assert.deepEqual(trueNumbers(sink.records()), upTo(40));
      assert.ok(sink.requests.filter(isLogs).length > 40 / 4);
    });

    it(`that a receiver rejects one by one count as lost (${protocol})`, async () => {
      sink = await OtlpSink.start({ protocol: 'http' });
      let isFirst = true;
      sink.respond((request) => {
        if (!isFirst || !isLogs(request)) return undefined;
        isFirst = false;
        return { partialSuccess: { rejected: 1, message: 'too old' } };
      });
      const cli = await start();
      await cli.said(/rejected 1 records: too old/);
      const { stderr } = await cli.stop();
      assert.deepEqual([lastLine(stderr).lost, lastLine(stderr).why], [1, '1 mixed rejected']);
    });
  }
});
