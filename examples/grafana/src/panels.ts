// SPDX-License-Identifier: Apache-2.0
import { PanelBuilder as BarGaugePanel } from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  BarGaugeDisplayMode,
  BigValueGraphMode,
  GraphDrawStyle,
  LogsSortOrder,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  VizOrientation,
} from '@grafana/grafana-foundation-sdk/common';
import { ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as LogsPanel } from '@grafana/grafana-foundation-sdk/logs';
import { PanelBuilder as StatPanel } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TablePanel } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as SeriesPanel } from '@grafana/grafana-foundation-sdk/timeseries';
import { UID } from './sources.ts';

type Query = Builder<Dataquery>;

/** What every panel has. `width` in 24ths of the screen, `height` in units of some 30 pixels. */
interface Frame {
  readonly about: string;
  readonly width: number;
  readonly height?: number;
  readonly unit?: string;
}

const HEIGHT = 8;

/** Green below the first of these values; red from the last one on. */
export const red = (from: number): ThresholdsConfigBuilder =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([
    { value: null, color: 'green' },
    { value: from, color: 'red' },
  ]);

/** Red below a value, and where there is none at all. */
export const redBelow = (below: number): ThresholdsConfigBuilder =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([
    { value: null, color: 'red' },
    { value: below, color: 'green' },
  ]);

const NEUTRAL = new ThresholdsConfigBuilder().steps([{ value: null, color: 'blue' }]);

/** One number, or one for each series. */
export const number = (
  title: string,
  query: Query,
  { about, width, height = 4, unit = 'short', thresholds = NEUTRAL }: Frame & { thresholds?: typeof NEUTRAL },
): StatPanel =>
  new StatPanel()
    .title(title)
    .description(about)
    .span(width)
    .height(height)
    .unit(unit)
    .thresholds(thresholds)
    .graphMode(BigValueGraphMode.None)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .noValue('0')
    .withTarget(query);

/** Curves over time; `stacked`: bars that add up. */
export function curves(
  title: string,
  queries: readonly Query[],
  { about, width, height = HEIGHT, unit = 'short', stacked = false }: Frame & { readonly stacked?: boolean },
): SeriesPanel {
  const panel = new SeriesPanel()
    .title(title)
    .description(about)
    .span(width)
    .height(height)
    .unit(unit)
    .min(0)
    .fillOpacity(stacked ? 80 : 10)
    .targets([...queries]);
  return stacked
    ? panel
        .drawStyle(GraphDrawStyle.Bars)
        .lineWidth(0)
        .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
    : panel;
}

/** What Grafana puts in for a name with a dot or a format. */
export const placeholder = (name: string): string => `$\{${name}}`;

/** A link of a value to a dashboard, with the time range. */
export const link = (title: string, to: keyof typeof UID, variable: string, value: string) => ({
  title,
  url: `/d/${UID[to]}?var-${variable}=${placeholder(value)}&${placeholder('host:queryparam')}&${placeholder('__url_time_range')}`,
});

type Link = ReturnType<typeof link>;

/** What there is most of: a bar a series. Each bar leads where `to` says. */
export const ranking = (
  title: string,
  query: Query,
  { about, width, height = HEIGHT, to }: Frame & { to?: Link },
): BarGaugePanel =>
  new BarGaugePanel()
    .title(title)
    .description(about)
    .span(width)
    .height(height)
    .unit('short')
    .min(0)
    .thresholds(NEUTRAL)
    .displayMode(BarGaugeDisplayMode.Basic)
    .orientation(VizOrientation.Horizontal)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .overrides(
      to ? [{ matcher: { id: 'byRegexp', options: '.*' }, properties: [{ id: 'links', value: [to] }] }] : [],
    )
    .withTarget(query);

/** Records as lines, the newest first; a click shows all their attributes. */
export const lines = (title: string, query: Query, { about, width, height = 10 }: Frame): LogsPanel =>
  new LogsPanel()
    .title(title)
    .description(about)
    .span(width)
    .height(height)
    .showTime(true)
    .enableLogDetails(true)
    .sortOrder(LogsSortOrder.Descending)
    .withTarget(query);

/**
 * Records as a table of some attributes, in this order, under the names they are given. Loki has the attributes of a
 * record as one field of JSON, which is taken apart.
 */
export function recordTable(
  title: string,
  query: Query,
  { about, width, height = HEIGHT, columns }: Frame & { readonly columns: Readonly<Record<string, string>> },
): TablePanel {
  // The time has one name or the other, by the version of Grafana.
  const names = ['Time', 'timestamp', ...Object.keys(columns)];
  return new TablePanel()
    .title(title)
    .description(about)
    .span(width)
    .height(height)
    .withTransformation({ id: 'extractFields', options: { source: 'labels', replace: true, keepTime: true } })
    .withTransformation({ id: 'filterFieldsByName', options: { include: { names } } })
    .withTransformation({
      id: 'organize',
      options: {
        indexByName: Object.fromEntries(names.map((name, i) => [name, i])),
        renameByName: columns,
      },
    })
    .overrideByName('process', [
      { id: 'links', value: [link('One process', 'process', 'process', '__value.raw')] },
    ])
    .overrideByName('executable', [
      { id: 'links', value: [link('What this executable does', 'host', 'executable', '__value.raw')] },
    ])
    .withTarget(query);
}

/** Columns of {@link recordTable} that say who did it. */
export const WHO = {
  agentsmith_process_id: 'process',
  process_executable_path: 'executable',
  process_user_name: 'user',
} as const;

/** A table with a row for each label set and a column for each query: [refId of the query, its title, unit]. */
export function numbersTable(
  title: string,
  queries: readonly Query[],
  {
    about,
    width,
    height = HEIGHT,
    labels,
    columns,
  }: Frame & {
    readonly labels: Readonly<Record<string, string>>;
    readonly columns: readonly (readonly [refId: string, title: string, unit: string])[];
  },
): TablePanel {
  const values = columns.map(([refId]) => (columns.length === 1 ? 'Value' : `Value #${refId}`));
  const renameByName = { ...labels, ...Object.fromEntries(columns.map(([, name], i) => [values[i]!, name])) };
  const panel = new TablePanel()
    .title(title)
    .description(about)
    .span(width)
    .height(height)
    .targets([...queries])
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'filterFieldsByName',
      options: { include: { names: Object.keys(renameByName) } },
    })
    .withTransformation({
      id: 'organize',
      options: {
        indexByName: Object.fromEntries(Object.keys(renameByName).map((name, i) => [name, i])),
        renameByName,
      },
    });
  for (const [, name, unit] of columns) panel.overrideByName(name, [{ id: 'unit', value: unit }]);
  return panel;
}
