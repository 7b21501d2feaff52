// SPDX-License-Identifier: Apache-2.0
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import {
  type DashboardLink,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder as LokiQuery } from '@grafana/grafana-foundation-sdk/loki';
import {
  DataqueryBuilder as PrometheusQuery,
  PromQueryFormat,
} from '@grafana/grafana-foundation-sdk/prometheus';

/** Of the dashboards, for links between them. */
export const UID = {
  host: 'agentsmith-host',
  process: 'agentsmith-process',
  health: 'agentsmith-health',
} as const;

// Whoever imports a dashboard chooses the data sources in it.
const LOKI: DataSourceRef = { type: 'loki', uid: '$loki' };
const PROMETHEUS: DataSourceRef = { type: 'prometheus', uid: '$prometheus' };

/** The agent's records in Loki. Everything but service_name is structured metadata: it stands behind, not within. */
const RECORDS = '{service_name="agentsmith-otel"}';

/** A LogQL pipeline over the agent's records, one filter a part: `event_name="…"`. */
export const records = (...filters: readonly string[]): string =>
  [RECORDS, 'host_name=~"$host"', ...filters].join(' | ');

/** The filter of one event, or of several. */
export const event = (...names: readonly string[]): string =>
  names.length === 1
    ? `event_name="agentsmith.${names[0]}"`
    : `event_name=~"agentsmith\\\\.(${names.map((name) => name.replaceAll('.', '\\\\.')).join('|')})"`;

/** A Prometheus series of the agents, with more label filters if there are any. */
export const series = (name: string, ...filters: readonly string[]): string =>
  `${name}{${['host_name=~"$host"', ...filters].join(', ')}}`;

/** `instant`: one value at the end of the time range, for tables and single numbers. */
export interface QueryOptions {
  readonly legend?: string;
  /** Each query of a panel has one of its own. */
  readonly refId?: string;
  readonly instant?: boolean;
}

type Query = Builder<Dataquery>;

/** Lines of Loki, or numbers made of them. */
export function loki(expr: string, { legend, refId = 'A', instant = false }: QueryOptions = {}): Query {
  const query = new LokiQuery()
    .datasource(LOKI)
    .refId(refId)
    .expr(expr)
    .queryType(instant ? 'instant' : 'range');
  return legend === undefined ? query : query.legendFormat(legend);
}

/** Numbers of Prometheus. */
export function prometheus(expr: string, { legend, refId = 'A', instant = false }: QueryOptions = {}): Query {
  const query = new PrometheusQuery().datasource(PROMETHEUS).refId(refId).expr(expr);
  const timed = instant ? query.instant() : query.range();
  return legend === undefined ? timed : timed.legendFormat(legend);
}

/** A column of a table: the value of each label set, now. `refId` names it for the transformations behind. */
export const column = (refId: string, expr: string): Query =>
  new PrometheusQuery()
    .datasource(PROMETHEUS)
    .expr(expr)
    .instant()
    .format(PromQueryFormat.Table)
    .refId(refId);

const label = (name: string, of: string): string => `label_values(${of}, ${name})`;

const choice = (name: string, title: string, query: string): QueryVariableBuilder =>
  new QueryVariableBuilder(name)
    .label(title)
    .datasource(PROMETHEUS)
    .query(query)
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    // Also records without the attribute.
    .allValue('.*')
    .current({ text: 'All', value: '$__all' });

const sources = (): Builder<VariableModel>[] => [
  new DatasourceVariableBuilder('loki').label('Loki').type('loki'),
  new DatasourceVariableBuilder('prometheus').label('Prometheus').type('prometheus'),
];

/** The hosts that have sent metrics: Loki keeps host_name as structured metadata, of which it lists no values. */
const host = (): Builder<VariableModel> =>
  choice('host', 'Host', label('host_name', 'agentsmith_sensor_event_received_total'));

const text = (name: string, title: string, initial: string, about: string): Builder<VariableModel> =>
  new TextBoxVariableBuilder(name)
    .label(title)
    .description(about)
    .defaultValue(initial)
    .current({ text: initial, value: initial });

/** Every dashboard has the data sources and the hosts. */
export const variables = {
  health: (): Builder<VariableModel>[] => [...sources(), host()],
  host: (): Builder<VariableModel>[] => [
    ...sources(),
    host(),
    choice('event', 'Event', label('agentsmith_event_name', 'agentsmith_sensor_event_received_total')),
    text('executable', 'Executable', '.*', 'Its whole path, as a regular expression'),
  ],
  process: (): Builder<VariableModel>[] => [
    ...sources(),
    host(),
    text('process', 'Process', '', 'agentsmith.process.id of its records: pid and start'),
  ],
};

/** To the other dashboards, with the time range and what is chosen; on the dashboard itself, not in a menu. */
export const links = (...others: readonly (keyof typeof UID)[]): Builder<DashboardLink>[] =>
  others.map((name) => ({
    build: () => {
      const title = { host: 'Host activity', process: 'One process', health: 'Agent health' }[name];
      const { placement: _, ...link } = new DashboardLinkBuilder(title)
        .type(DashboardLinkType.Link)
        .url(`/d/${UID[name]}`)
        .includeVars(true)
        .keepTime(true)
        .build();
      return link;
    },
  }));
