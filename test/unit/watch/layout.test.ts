// SPDX-License-Identifier: Apache-2.0
// Whole screens. What a terminal makes of them: test/e2e/watch.test.ts.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Severity } from '../../../src/events/event.ts';
import { cells } from '../../../src/export/cells.ts';
import type { AgentStatus } from '../../../src/health/status.ts';
import { Activity } from '../../../src/watch/activity.ts';
import { layout } from '../../../src/watch/layout.ts';
import { NOON, record } from './records.ts';

const status: AgentStatus = {
  version: '1.2.3',
  pid: 4711,
  started: '2026-01-01T00:00:00.000Z',
  uptime: 192,
  tier: 'B',
  hooks: { attached: [], missing: [] },
  destination: 'this terminal',
  ring: { used: 0, size: 8 << 20 },
  process: { memory: 90 << 20, cpuTime: 1 },
  events: [],
  mixed: { exported: 0, lost: {} },
  totals: { attempted: 12_034, received: 11_915, exported: 11_915, filtered: 119, lost: 0 },
};

/** A shell at work, a wide name, one that would like to clear the screen, one that is refused something. */
function deeds(): Activity {
  const activity = new Activity();
  for (let i = 0; i < 12; i++)
    activity.take(
      record(30_856, 'bash', 'file.create', { ms: i * 250, body: `/tmp/part-${i}`, user: 'alice' }),
    );
  activity.take(record(411, '日本語-プログラム-名前', 'dns.query', { ms: 2900, body: 'A example.org' }));
  activity.take(
    record(31_000, '\x1b[2J\x1b]0;owned\x07', 'network.connect', {
      ms: 2950,
      body: '→ 192.0.2.1:443\r\nfake line\u202e',
      user: 'mallory-with-a-long-name',
    }),
  );
  activity.take(
    record(777, 'insmod', 'kernel.module.load', {
      ms: 2990,
      body: 'rootkit: EPERM',
      severity: Severity.WARN,
    }),
  );
  activity.take(
    record(30_857, 'ls', 'process.exit', { ms: 2999, body: 'exit 0 after 4.1 ms', user: 'alice' }),
  );
  return activity;
}

const plain = (columns: number, rows: number, more = {}) =>
  layout(
    { status: { ...status, ...more }, activity: deeds(), now: NOON + 3000 },
    { columns, rows, colour: false },
  ).map((line) => line.trimEnd());

describe('the screen of watch', () => {
  it('of 80 columns and 24 rows has the busiest processes, the last events and the books', () => {
    assert.deepEqual(plain(80, 24), [
      'agentsmith-otel 1.2.3, tier B, up 3 min 12 s: 2.6 events/s of 5 processes',
      '0 lost; 12,034 attempted, 119 filtered, 11,915 shown',
      '',
      '    PID USER     PROCESS          EVENTS/s    EVENTS  LAST',
      '  30856 alice    bash                  1.8        12  create /tmp/part-11',
      '  30857 alice    ls                    0.2         1  exit 0 after 4.1 ms',
      '    777 root     insmod                0.2         1  load rootkit: EPERM',
      '  31000 mallory… \\x1b[2J\\x1b]0;o…      0.2         1  connect → 192.0.2.1:443\\x…',
      '    411 root     日本語-プログラ…      0.2         1  query A example.org',
      ...['', '', '', '', ''],
      '12:00:01.750 file.create     bash[30856]            /tmp/part-7',
      '12:00:02.000 file.create     bash[30856]            /tmp/part-8',
      '12:00:02.250 file.create     bash[30856]            /tmp/part-9',
      '12:00:02.500 file.create     bash[30856]            /tmp/part-10',
      '12:00:02.750 file.create     bash[30856]            /tmp/part-11',
      '12:00:02.900 dns.query       日本語-プログラム-名…  A example.org',
      '12:00:02.950 network.connect \\x1b[2J\\x1b]0;owned\\x… → 192.0.2.1:443\\x0d\\x0afake…',
      '12:00:02.990 kernel.module.load insmod[777]            rootkit: EPERM',
      '12:00:02.999 process.exit    ls[30857]              exit 0 after 4.1 ms',
      'q quits',
    ]);
  });

  it('of 100 columns and 30 rows has longer names and more events', () => {
    assert.deepEqual(plain(100, 30), [
      'agentsmith-otel 1.2.3, tier B, up 3 min 12 s: 2.6 events/s of 5 processes',
      '0 lost; 12,034 attempted, 119 filtered, 11,915 shown',
      '',
      '    PID USER     PROCESS                  EVENTS/s    EVENTS  LAST',
      '  30856 alice    bash                          1.8        12  create /tmp/part-11',
      '  30857 alice    ls                            0.2         1  exit 0 after 4.1 ms',
      '    777 root     insmod                        0.2         1  load rootkit: EPERM',
      '  31000 mallory… \\x1b[2J\\x1b]0;owned\\x07       0.2         1  connect → 192.0.2.1:443\\x0d\\x0afake l…',
      '    411 root     日本語-プログラム-名前        0.2         1  query A example.org',
      ...['', '', '', '', '', '', '', ''],
      '12:00:01.000 file.create     bash[30856]            /tmp/part-4',
      '12:00:01.250 file.create     bash[30856]            /tmp/part-5',
      '12:00:01.500 file.create     bash[30856]            /tmp/part-6',
      '12:00:01.750 file.create     bash[30856]            /tmp/part-7',
      '12:00:02.000 file.create     bash[30856]            /tmp/part-8',
      '12:00:02.250 file.create     bash[30856]            /tmp/part-9',
      '12:00:02.500 file.create     bash[30856]            /tmp/part-10',
      '12:00:02.750 file.create     bash[30856]            /tmp/part-11',
      '12:00:02.900 dns.query       日本語-プログラム-名…  A example.org',
      '12:00:02.950 network.connect \\x1b[2J\\x1b]0;owned\\x… → 192.0.2.1:443\\x0d\\x0afake line\\u{202e}',
      '12:00:02.990 kernel.module.load insmod[777]            rootkit: EPERM',
      '12:00:02.999 process.exit    ls[30857]              exit 0 after 4.1 ms',
      'q quits',
    ]);
  });

  it('has the table alone where there is no room for more', () => {
    assert.deepEqual(plain(40, 8), [
      'agentsmith-otel 1.2.3, tier B, up 3 min…',
      '0 lost; 12,034 attempted, 119 filtered,…',
      '',
      '    PID USER     PROCESS          EVENT…',
      '  30856 alice    bash                  …',
      '  30857 alice    ls                    …',
      '',
      'q quits',
    ]);
  });

  it('says first what was lost and why, and last what the agent had to say', () => {
    const lost = { totals: { ...status.totals, lost: 7 }, mixed: { exported: 0, lost: { rejected: 7 } } };
    assert.equal(
      plain(100, 24, lost)[1],
      '7 lost (7 mixed rejected); 12,034 attempted, 119 filtered, 11,915 shown',
    );
    const lines = layout(
      { status, activity: new Activity(), now: NOON, notice: 'warning: \x1b[2Jhook gone' },
      { columns: 80, rows: 24, colour: false },
    );
    assert.equal(lines[23], 'q quits; warning: \\x1b[2Jhook gone');
    assert.equal(lines[0], 'agentsmith-otel 1.2.3, tier B, up 3 min 12 s: - events/s of 0 processes');
  });

  it('is coloured line by line: no colour goes on in the next line', () => {
    const size = { columns: 80, rows: 24 };
    const shown = {
      status: { ...status, totals: { ...status.totals, lost: 7 } },
      activity: deeds(),
      now: NOON + 3000,
    };
    const coloured = layout(shown, { ...size, colour: true });
    for (const line of coloured) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is looked for
      const codes = [...line.matchAll(/\x1b\[(\d+)m/g)].map(([, code]) => code);
      assert.ok(codes.length === 0 || codes.at(-1) === '0', JSON.stringify(line));
    }
    assert.ok(coloured[1]!.startsWith('\x1b[33m7 lost'));
    assert.deepEqual(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is left out
      coloured.map((line) => line.replaceAll(/\x1b\[\d+m/g, '')),
      layout(shown, { ...size, colour: false }),
    );
  });

  it('has as many lines as the terminal, none wider than it, whatever processes are called', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 60 });
    const records = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 31 }), texts, texts, texts), {
      maxLength: 30,
    });
    const size = fc.record({
      columns: fc.integer({ min: 1, max: 200 }),
      rows: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(records, size, (all, { columns, rows }) => {
        const activity = new Activity();
        for (const [pid, name, body, user] of all)
          activity.take(record(pid, name, 'process.exec', { body, user }));
        const lines = layout({ status, activity, now: NOON }, { columns, rows, colour: false });
        assert.equal(lines.length, rows);
        for (const line of lines) {
          assert.ok(cells(line) <= columns, JSON.stringify(line));
          assert.doesNotMatch(line, /\p{C}/u);
        }
      }),
    );
  });
});
