// SPDX-License-Identifier: Apache-2.0
// Agent → Collector → Loki: every record with every attribute, however long its arguments, and LogQL finds them. What the
// agent sent is read from its own file.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanUp } from '../support/cli.ts';
import { type LogRecord, readCollectorFile } from '../support/collector-file.ts';
import { buildLoki, type Loki, type LokiEntry, startLoki } from '../support/loki.ts';
import type { Value } from '../support/otlp-json.ts';
import { identity, Road } from '../support/road.ts';
import { CONNECT, EXEC, lastLine, named } from '../support/sent.ts';
import { orSkip } from '../support/skip.ts';

const ALL = '{service_name="agentsmith-otel"}';
const LIMIT_MS = 60_000;
const ARGS = 'process_command_args';
/** Arguments of 32 KB are all that the kernel side keeps; as JSON these are longer, and one is cut within a letter. */
const LONG = ['\\001', '"', 'a""""ü'];

/** What is not a letter or digit becomes `_`, what is not text becomes text. */
const label = (name: string) => name.replace(/[^a-zA-Z0-9]/g, '_');
const text = (value: Value) => (typeof value === 'string' ? value : JSON.stringify(value));

/** The labels and structured metadata that a record has in Loki. */
function labelsOf(record: LogRecord): Record<string, string> {
  const all = { ...record.resource, ...record.attributes, 'event.name': record.eventName };
  return {
    ...Object.fromEntries(Object.entries(all).map(([name, value]) => [label(name), text(value)])),
    severity_number: String(record.severityNumber),
    observed_timestamp: String(record.observedTimeUnixNano),
    scope_name: record.scope.name,
    scope_version: record.scope.version,
  };
}

describe('Loki', function () {
  this.timeout('60s');
  let road: Road | undefined;
  let loki: Loki;
  let sent: LogRecord[];
  let stored: LokiEntry[];

  before(async function () {
    this.timeout('45m');
    const binary = orSkip(this, await buildLoki());
    road = await Road.open(
      this,
      async (dir) => {
        loki = await startLoki(binary, dir);
        return { AGENTSMITH_LOKI: 'otlp', AGENTSMITH_LOKI_ENDPOINT: loki.otlpUrl };
      },
      { own: true },
    );
    await road.deeds();
    for (const letters of LONG) {
      const argument = `$(yes "$(printf '%b' '${letters}')" | tr -d '\\n' | head -c 32000)`;
      await road.shell.run(`/bin/echo "${argument}" >/dev/null`);
      // One that fails is told too, where such attempts are seen.
      await road.shell.run(`/no/such/program "${argument}" 2>/dev/null || true`);
    }
    const { delivered, lost } = lastLine((await road.stopAgent()).stderr);
    assert.equal(lost, 0);
    sent = (await readCollectorFile(road.ownPath)).records;
    assert.equal(sent.length, delivered);
    const deadline = performance.now() + LIMIT_MS;
    do {
      await sleep(200);
      stored = await loki.lines(ALL);
    } while (stored.length < delivered && performance.now() < deadline);
  });

  after(() => Road.end(road, loki));

  cleanUp();

  it('has each record with all of its attributes, once', () => {
    assert.equal(stored.length, sent.length, road!.collector.logTail());
    for (const record of sent) {
      const id = identity(record);
      const expected = labelsOf(record);
      const same = stored.filter(({ time, labels }) =>
        id === undefined
          ? time === record.timeUnixNano && labels.event_name === record.eventName
          : `${labels.agentsmith_event_cpu}-${labels.agentsmith_event_sequence}` === id,
      );
      assert.equal(same.length, 1, id ?? record.eventName);
      const { time, line, labels } = same[0]!;
      assert.deepEqual([time, line], [record.timeUnixNano, record.body]);
      const { detected_level, severity_text, agentsmith_truncated, ...own } = labels;
      if (agentsmith_truncated) {
        assert.ok(expected[ARGS]!.length > own[ARGS]!.length && own[ARGS]!.length >= 2000);
        assert.ok(expected[ARGS]!.startsWith(own[ARGS]!));
        expected[ARGS] = own[ARGS]!;
      }
      assert.deepEqual(own, expected);
    }
  });

  it('has programs with arguments longer than it takes, cut and marked', async () => {
    const long = await loki.lines(
      `${ALL} | event_name="${EXEC}" | agentsmith_truncated="true" | error_type=""`,
    );
    assert.deepEqual(
      long.map(({ labels }) => [labels.process_executable_path, labels.process_args_count]),
      LONG.map(() => ['/usr/bin/echo', '2']),
    );
  });

  it('finds events by name and attribute, and numbers by their order', async () => {
    const from = named(sent, CONNECT).filter(
      ({ attributes }) => Number(attributes['network.peer.port']) >= 1024,
    );
    const found = await loki.lines(`${ALL} | event_name="${CONNECT}" | network_peer_port >= 1024`);
    assert.equal(found.length, from.length);
    const refused = await loki.lines(`${ALL} | event_name="${CONNECT}" | error_type="ECONNREFUSED"`);
    assert.equal(refused.length, 1);
  });

  it('counts events by name', async () => {
    const counted = await loki.samples(`sum by (event_name) (count_over_time(${ALL}[1h]))`);
    assert.ok(counted.length >= 5);
    for (const { labels, value } of counted)
      assert.equal(value, named(sent, labels.event_name!).length, labels.event_name);
  });
});
