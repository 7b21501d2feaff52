// SPDX-License-Identifier: Apache-2.0
/*
 * Agent → Collector → rsyslog, with arguments that try to end the message, to forge another one, or to be cut by the
 * receiver so that the rest becomes one. The agent, the Collector with otel-collector.yaml's transform, and the receiver
 * are real. The last step is not: the Collector's syslog exporter cannot be had, so `wire` below writes what upstream's
 * source says that it writes of the attributes that the transform sets. That part was read, not run.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp } from '../support/cli.ts';
import { buildCollector } from '../support/collector.ts';
import { pruned, withFile } from '../support/collector-config.ts';
import { type LogRecord, readCollectorFile, waitForCollectorFile } from '../support/collector-file.ts';
import { inFolder } from '../support/folder.ts';
import { expectedResource } from '../support/host-resource.ts';
import { identity, Road } from '../support/road.ts';
import { fetchRsyslog, type Rsyslog, type SyslogMessage, startRsyslog } from '../support/rsyslog.ts';
import { EXEC, lastLine, named } from '../support/sent.ts';
import { orSkip } from '../support/skip.ts';

const FORGED = '<86>1 2026-01-01T00:00:00Z bank sshd 1 - - Accepted password for root from 192.0.2.1';
const HOSTILE: readonly string[] = [
  'plain',
  `"quotes" 'and' "`,
  '] [a="b"] \\] \\"',
  '\\ \\\\ \\n %n %s $x',
  `line\nbreak\r\n${FORGED}`,
  `\n${Buffer.byteLength(FORGED)} ${FORGED}\n`,
  '\x1b[31mred\x1b[0m \x07 \x7f',
  '😀 ü \u202eabc\u202c \u2028 \u2029 \ufeff',
  FORGED,
  '{"event.name":"forged","body":"}',
  'x'.repeat(30_000),
  '"'.repeat(30_000),
  // Wherever the receiver cuts, the rest begins like a message.
  ...Array.from({ length: 24 }, (_, i) => `${'y'.repeat(5200 + i * 130)}${FORGED}`),
  `${'z'.repeat(6000)}${`${FORGED} `.repeat(100)}`,
];

/** What a receiver takes unless told otherwise, and what otel-collector.yaml keeps below it. */
const RECEIVER_LIMIT = 8096;
const CUT = 7500;

/** A message as the exporter writes it (syslogexporter/rfc5424_formatter.go, octet counting): read, not run. */
function wire({ attributes, timeUnixNano }: LogRecord): Buffer {
  const { priority, hostname, appname, proc_id, msg_id, message } = attributes;
  const nanos = String(timeUnixNano % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const seconds = new Date(Number(timeUnixNano / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  const time = `${seconds}${nanos && `.${nanos}`}Z`;
  const header = [
    `<${priority}>1`,
    time,
    hostname ?? '-',
    appname ?? '-',
    proc_id ?? '-',
    msg_id ?? '-',
    '-',
  ];
  return Buffer.from(`${header.join(' ')}${message === undefined ? '' : ` ${message}`}`);
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The event in a message, and what tells it. */
function eventOf({ message }: SyslogMessage): Record<string, unknown> {
  return JSON.parse(message) as Record<string, unknown>;
}

describe('syslog', function () {
  this.timeout('60s');
  let road: Road | undefined;
  let rsyslog: Rsyslog;
  let sent: LogRecord[];
  let written: LogRecord[];
  let received: SyslogMessage[];

  before(async function () {
    this.timeout('35m');
    const folder = orSkip(this, await fetchRsyslog());
    const binary = orSkip(this, await buildCollector());
    await inFolder(async (dir) => {
      const out = join(dir, 'syslog.jsonl');
      const config = join(dir, 'collector.yaml');
      writeFileSync(config, (await pruned(await withFile('syslog', out), binary)).text);
      road = await Road.open(
        this,
        async (own) => {
          rsyslog = await startRsyslog(folder, own);
          return { AGENTSMITH_SYSLOG: 'otlp' };
        },
        { own: true, collector: () => ({ config }) },
      );
      await road.deeds();
      for (const argument of HOSTILE) await road.shell.run(`/bin/echo ${quoted(argument)} >/dev/null`);
      await road.shell.run(`/bin/echo "$(printf '\\377\\001]')" >/dev/null`);
      const { delivered, lost } = lastLine((await road.stopAgent()).stderr);
      assert.equal(lost, 0);
      sent = (await readCollectorFile(road.ownPath)).records;
      ({ records: written } = await waitForCollectorFile(out, ({ records }) => records.length >= delivered));
      received = await rsyslog.exchange(written.map(wire));
    });
  });

  after(() => Road.end(road, rsyslog));

  cleanUp();

  /** What was sent of an event, and what was received. */
  const pairs = () =>
    received.map((message) => {
      const event = eventOf(message);
      const id = identity({ eventName: '', attributes: event });
      const record = sent.find((each) =>
        id === undefined ? each.eventName === event['event.name'] : identity(each) === id,
      );
      assert.ok(record, message.message);
      return { message, event, record };
    });

  it('receives every event as one message: none split, none forged', () => {
    assert.deepEqual([written.length, received.length], [sent.length, sent.length]);
    assert.equal(new Set(pairs().map(({ record }) => record)).size, sent.length);
    const executed = named(sent, EXEC).map(
      ({ attributes }) => (attributes['process.command_args'] as string[])[1],
    );
    for (const argument of HOSTILE) assert.ok(executed.includes(argument), argument.slice(0, 100));
    road!.expectDeeds(sent);
  });

  it('reads the header that the Collector wrote', () => {
    const host = expectedResource()['host.name'];
    for (const { message, record } of pairs()) {
      const { host: name, app, pid, id, data, time } = message;
      assert.deepEqual([name, app, id, data], [host, 'agentsmith-otel', record.eventName, '-']);
      assert.equal(pid, String(record.attributes['process.pid'] ?? '-'));
      // RFC 5424 has microseconds.
      const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
      const micros = BigInt(Date.parse(time.replace(/\.\d+/, ''))) * 1000n + BigInt(fraction.padEnd(6, '0'));
      assert.equal(micros, record.timeUnixNano / 1000n, time);
      assert.equal(message.priority, record.severityNumber >= 13 ? '108' : '110');
    }
  });

  it('reads the whole event, whatever its arguments', () => {
    let whole = 0;
    for (const { event, record } of pairs()) {
      if (event['agentsmith.truncated']) continue;
      const { resource, attributes, eventName, body } = record;
      assert.deepEqual(event, { ...resource, ...attributes, 'event.name': eventName, body });
      whole++;
    }
    // Those of the triggers, and those hostile ones that are short.
    assert.ok(whole >= sent.length - HOSTILE.length, `${whole} of ${sent.length}`);
  });

  it('reads of those that are too long what is needed to find the rest elsewhere', () => {
    const cut = pairs().filter(({ event }) => event['agentsmith.truncated']);
    assert.ok(cut.length >= 3, `${cut.length}`);
    for (const { message, event, record } of cut) {
      assert.ok(Buffer.byteLength(message.message) <= CUT);
      for (const name of ['process.pid', 'process.executable.path', 'agentsmith.process.id'])
        assert.equal(String(event[name]), String(record.attributes[name]), name);
    }
  });

  it('would be split and forged without that', async () => {
    const header = '<110>1 2026-01-01T00:00:00Z host agentsmith-otel 1 agentsmith.process.exec - ';
    const text = header + 'y'.repeat(RECEIVER_LIMIT - header.length) + FORGED;
    const seen = await rsyslog.exchange([Buffer.from(text)]);
    assert.equal(seen.length, 2);
    assert.equal(seen[0]!.app, 'agentsmith-otel');
    assert.match(JSON.stringify(seen[1]), /Accepted password/);
    assert.doesNotMatch(seen[1]!.app, /agentsmith/);
  });
});
