// SPDX-License-Identifier: Apache-2.0
import { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { curves, number, numbersTable, ranking, red, redBelow } from './panels.ts';
import { column, links, loki, prometheus, records, series, UID, variables } from './sources.ts';

const EVENT = 'agentsmith_event_name';
/** Metrics that other programs send under the same name. */
const OURS = 'service_name="agentsmith-otel"';

const rate = (by: string, name: string, ...filters: readonly string[]): string =>
  `sum by (${by}) (rate(${series(name, ...filters)} [$__rate_interval]))`;
const counter = (name: string): string => series(`agentsmith_sensor_event_${name}_total`);
/** Since the agent began: what was counted before the time range belongs to the books as well. */
const book = (name: string): string => `sum by (${EVENT}) (${counter(name)})`;
/**
 * What was lost in the time range. A reason has no series before its first loss, and increase() does not see how a series
 * begins: of one that is new its value counts.
 */
const lost = `(${counter('dropped')} unless ${counter('dropped')} offset $__range) or increase(${counter('dropped')} [$__range])`;
const lastWord = `timestamp(${series('agentsmith_sensor_ring_buffer_limit_bytes')})`;
const hook = `sum by (${EVENT}) (${series('agentsmith_sensor_hook_duration_seconds')})`;
const quantile = (part: number): string => `histogram_quantile(${part}, ${hook})`;
const delay = (part: number): string =>
  `histogram_quantile(${part}, ${rate('le', 'agentsmith_event_delay_seconds_bucket')})`;

/** *Agent health*: whether every agent talks, what was lost and why, and what it costs. */
export const agentHealth = (): DashboardBuilder =>
  new DashboardBuilder('Agent health')
    .uid(UID.health)
    .tags(['agentsmith'])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .variables(variables.health())
    .links(links('host'))
    .withPanel(
      number(
        'Last word of each agent',
        // A series ends five minutes after its last sample; an agent that ended within the hour is still shown.
        prometheus(`time() - max by (host_name) (${lastWord} or max_over_time(${lastWord}[1h:1m]))`, {
          legend: '{{host_name}}',
          instant: true,
        }),
        {
          about: 'Time since it last sent metrics, which it does each minute. Red: three are missing.',
          width: 8,
          height: 6,
          unit: 's',
          thresholds: red(180),
        },
      ),
    )
    .withPanel(
      number(
        'Heartbeats in two minutes',
        loki(`sum by (host_name) (count_over_time(${records('event_name="entity.state"')} [2m]))`, {
          legend: '{{host_name}}',
          instant: true,
        }),
        {
          about: 'An agent sends one each 30 s, on the road of the events. Red: none arrived.',
          width: 8,
          height: 6,
          thresholds: redBelow(1),
        },
      ),
    )
    .withPanel(
      number('Lost', prometheus(`sum(${lost})`, { instant: true }), {
        about: 'Events that did not reach the receiver, for whatever reason.',
        width: 4,
        height: 6,
        thresholds: red(1),
      }),
    )
    .withPanel(
      number(
        'Hooks missing',
        prometheus(`sum(${series('agentsmith_sensor_hook_missing')})`, { instant: true }),
        {
          about: 'Programs that a kernel did not take; `doctor` on that host says why.',
          width: 4,
          height: 6,
          thresholds: red(1),
        },
      ),
    )
    .withPanel(
      curves(
        'Events a second',
        (['attempted', 'filtered', 'received', 'exported'] as const).map((name) =>
          prometheus(`sum(rate(${counter(name)} [$__rate_interval]))`, { legend: name, refId: name }),
        ),
        {
          about: 'Seen by the kernel, filtered, read by the agent, acknowledged by the receiver.',
          width: 12,
        },
      ),
    )
    .withPanel(
      curves(
        'Lost a second, by reason',
        [
          prometheus(rate('error_type', 'agentsmith_sensor_event_dropped_total'), {
            legend: '{{error_type}}',
          }),
        ],
        { about: 'The reasons: docs/metrics.md.', width: 12, stacked: true },
      ),
    )
    .withPanel(
      numbersTable(
        'The books',
        ['attempted', 'submitted', 'filtered', 'received', 'exported', 'dropped'].map((name) =>
          column(name, book(name)),
        ),
        {
          about: 'Of each event, since the agents began: docs/metrics.md has the equations that hold.',
          width: 14,
          height: 12,
          labels: { [EVENT]: 'event' },
          columns: ['attempted', 'submitted', 'filtered', 'received', 'exported', 'dropped'].map((name) => [
            name,
            name,
            'short',
          ]),
        },
      ),
    )
    .withPanel(
      ranking(
        'What was lost',
        prometheus(`topk(20, sum by (${EVENT}, error_type) (${lost}) > 0)`, {
          legend: `{{${EVENT}}} {{error_type}}`,
          instant: true,
        }),
        { about: 'By event and reason; empty when nothing was.', width: 10, height: 12 },
      ),
    )
    .withPanel(
      numbersTable(
        'Time of the hooks',
        [
          column('count', `histogram_count(${hook})`),
          column('average', `histogram_sum(${hook}) / histogram_count(${hook})`),
          column('p90', quantile(0.9)),
          column('p95', quantile(0.95)),
          column('p99', quantile(0.99)),
        ],
        {
          about: 'What one run of the kernel programs of an event takes; one run in 64 is timed.',
          width: 14,
          labels: { [EVENT]: 'event' },
          columns: [
            ['count', 'timed', 'short'],
            ['average', 'average', 's'],
            ['p90', 'p90', 's'],
            ['p95', 'p95', 's'],
            ['p99', 'p99', 's'],
          ],
        },
      ),
    )
    .withPanel(
      curves(
        'From the kernel to the batch',
        [
          prometheus(delay(0.5), { legend: 'p50', refId: 'p50' }),
          prometheus(delay(0.99), { legend: 'p99', refId: 'p99' }),
        ],
        { about: 'Delay of the first and last record of each drain.', width: 10, unit: 's' },
      ),
    )
    .withPanel(
      curves(
        'CPU',
        [prometheus(rate('host_name', 'process_cpu_time_seconds_total', OURS), { legend: '{{host_name}}' })],
        { about: 'Of one core, in user space and in system calls.', width: 8, unit: 'percentunit' },
      ),
    )
    .withPanel(
      curves(
        'Memory',
        [
          prometheus(`max by (host_name) (${series('process_memory_usage_bytes', OURS)})`, {
            legend: '{{host_name}}',
          }),
        ],
        { about: 'Resident; the pages of the ring count twice.', width: 8, unit: 'bytes' },
      ),
    )
    .withPanel(
      curves(
        'Ring',
        [
          prometheus(
            `max by (host_name) (${series('agentsmith_sensor_ring_buffer_usage_bytes')} / ${series('agentsmith_sensor_ring_buffer_limit_bytes')})`,
            { legend: '{{host_name}}' },
          ),
        ],
        { about: 'How full the ring between kernel and agent is.', width: 8, unit: 'percentunit' },
      ),
    );
