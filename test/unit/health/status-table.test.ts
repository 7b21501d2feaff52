// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { AgentStatus, EventStatus } from '../../../src/health/status.ts';
import { grouped, longTime, statusLine, statusLines } from '../../../src/health/status-table.ts';

const event = (name: string, values: Partial<EventStatus> = {}): EventStatus => ({
  name: `agentsmith.${name}`,
  attempted: 0,
  submitted: 0,
  filtered: 0,
  received: 0,
  exported: 0,
  inMemory: 0,
  spooled: 0,
  lost: {},
  ...values,
});

const status = (values: Partial<AgentStatus> = {}): AgentStatus => ({
  version: '1.2.3',
  pid: 4711,
  started: '2026-01-01T00:00:00.000Z',
  uptime: 11_532,
  tier: 'B',
  hooks: { attached: ['agentsmith.process.exec=tp_btf/sched_process_exec'], missing: [] },
  destination: 'http://localhost:4317 (OTLP/gRPC, compression none)',
  receiver: { state: 'ok', lastExportAge: 2.4 },
  ring: { used: 0, size: 8 << 20 },
  process: { memory: 90 << 20, cpuTime: 115 },
  events: [
    event('process.exec', {
      attempted: 12_045,
      submitted: 12_034,
      filtered: 4,
      received: 12_034,
      exported: 12_000,
      inMemory: 27,
      lost: { ring_full: 7, too_large: 7 },
      hookTime: { timed: 189, average: 3.24e-6, p90: 4.1e-6, p95: 8.3e-7, p99: 1.5e-3 },
    }),
    event('process.exit'),
  ],
  mixed: { exported: 3, lost: { rejected: 2 } },
  totals: { attempted: 12_045, received: 12_034, exported: 12_003, filtered: 4, lost: 16 },
  ...values,
});

describe('the status for people', () => {
  it('has books, losses by reason and the time of hooks; events of which nothing was seen are left out', () => {
    assert.deepEqual(statusLines(status()), [
      'agentsmith-otel 1.2.3, process 4711, up 3 h 12 min, tier B',
      'records: http://localhost:4317 (OTLP/gRPC, compression none), last took records 2 s ago',
      'hooks: 1 attached, 0 missing; ring 0 MiB of 8 MiB; memory 90 MiB, CPU 1.0 % of a core',
      '',
      'event                   attempted  submitted   filtered   received   exported  in memory       lost',
      'process.exec               12,045     12,034          4     12,034     12,000         27         14',
      'mixed                                                                       3                     2',
      'all                        12,045     12,034          4     12,034     12,003         22         16',
      'lost: 7 process.exec ring_full, 7 process.exec too_large, 2 mixed rejected',
      '',
      'time of hooks               timed    average        p90        p95        p99',
      'process.exec                  189     3.2 µs     4.1 µs     830 ns     1.5 ms',
    ]);
  });

  it('fits into 80 columns where there are no 100', () => {
    assert.deepEqual(statusLines(status(), 99).slice(2), [
      'hooks: 1 attached, 0 missing; ring 0 MiB of 8 MiB',
      'memory 90 MiB, CPU 1.0 % of a core',
      '',
      'event                attempted  filtered  received  exported in memory      lost',
      'process.exec            12,045         4    12,034    12,000        27        14',
      'mixed                                                      3                   2',
      'all                     12,045         4    12,034    12,003        22        16',
      'lost: 7 process.exec ring_full, 7 process.exec too_large, 2 mixed rejected',
      '',
      'time of hooks            timed   average       p90       p95       p99',
      'process.exec               189    3.2 µs    4.1 µs    830 ns    1.5 ms',
    ]);
  });

  it('says why the receiver takes nothing, and which hooks are missing', () => {
    const lines = statusLines(
      status({
        receiver: { state: 'failing', reason: 'http://c:4317 refuses connections', lastExportAge: 75 },
        hooks: { attached: [], missing: ['agentsmith.dns.query=dns_egress: needs Linux 5.13 or newer'] },
      }),
    );
    assert.equal(lines[1], 'records: http://c:4317 refuses connections, last took records 1 min 15 s ago');
    assert.equal(lines[3], '  missing: dns.query=dns_egress: needs Linux 5.13 or newer');
  });

  for (const [columns, width] of [
    [undefined, 100],
    [0, 100],
    [180, 100],
    [100, 100],
    [80, 80],
  ] as const)
    it(`stays within ${width} columns of ${columns}, whatever the numbers and names`, () => {
      const many = 9_999_999_999_999;
      const large = event('a.name.that.is.longer.than.its.column', {
        attempted: many,
        submitted: many,
        filtered: many,
        received: many,
        exported: many,
        inMemory: many,
        lost: Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`some_reason_${i}`, many])),
        hookTime: { timed: many, average: 1, p90: 1, p95: 1, p99: 1 },
      });
      const lines = statusLines(
        status({ events: [large], destination: 'x'.repeat(200), receiver: { state: 'idle' } }),
        columns,
      );
      for (const line of lines) assert.ok(line.length <= width, `${line.length}: ${line}`);
      assert.ok(
        lines.some((line) => line.includes('some_reason_11')),
        'a loss is not told',
      );
    });

  it('is one line for each of several agents', () => {
    assert.equal(statusLine(status()), 'process 4711, up 3 h 12 min, 12,003 exported, 16 lost, receiver ok');
  });

  it('groups numbers and shortens times', () => {
    assert.deepEqual(
      [0, 999, 1000, 9_999_999_999, 12_345_678_901].map((count) => grouped(count)),
      ['0', '999', '1,000', '9,999,999,999', '12.3 G'],
    );
    assert.deepEqual([59.9, 60, 3599, 3600, 90_000].map(longTime), [
      '59 s',
      '1 min 0 s',
      '59 min 59 s',
      '1 h 0 min',
      '1 d 1 h',
    ]);
  });
});
