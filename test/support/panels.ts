// SPDX-License-Identifier: Apache-2.0
import { parser as logql } from '@grafana/lezer-logql';
import { parser as promql } from '@prometheus-io/lezer-promql';
import { dashboards } from '../../examples/grafana/src/dashboards.ts';

export type SourceType = 'loki' | 'prometheus';

/** A query as it stands in a dashboard. */
export interface PanelQuery {
  /** `Host activity: DNS names` */
  readonly title: string;
  readonly source: SourceType;
  readonly expr: string;
}

interface Target {
  readonly datasource?: { readonly type?: string };
  readonly expr?: string;
}
interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query?: unknown;
}

/** Every query of every panel. @throws when a panel has none, or one of a source that is not looked at */
export function panelQueries(): readonly PanelQuery[] {
  return [...dashboards().values()].flatMap(({ title: dashboard, panels = [] }) =>
    panels.flatMap((panel) => {
      const title = `${dashboard}: ${'title' in panel ? panel.title : ''}`;
      const targets = ('targets' in panel ? panel.targets : undefined) as readonly Target[] | undefined;
      if (!targets?.length) throw new Error(`${title} asks nothing`);
      return targets.map(({ datasource, expr }) => {
        const source = datasource?.type;
        if ((source !== 'loki' && source !== 'prometheus') || !expr)
          throw new Error(`${title}: ${expr} for ${source}`);
        return { title, source, expr } as const;
      });
    }),
  );
}

/** Variables that list labels of Prometheus: of which series, and which label. */
export function variableQueries(): readonly {
  readonly title: string;
  readonly series: string;
  readonly label: string;
}[] {
  return [...dashboards().values()].flatMap(({ title, templating }) =>
    ((templating?.list ?? []) as readonly Variable[])
      .filter(({ type }) => type === 'query')
      .map(({ name, query }) => {
        const [, series, label] = /^label_values\((\w+), (\w+)\)$/.exec(`${query}`) ?? [];
        if (!series || !label) throw new Error(`${title}: $${name} is ${query}`);
        return { title: `${title}: $${name}`, series, label };
      }),
  );
}

/** How Loki calls an attribute. */
export const lokiName = (attribute: string): string => attribute.replaceAll(/[^A-Za-z0-9_]/g, '_');

/** [title of the panel, attribute] of every column of the tables of records. */
export function tableColumns(): readonly (readonly [string, string])[] {
  return [...dashboards().values()].flatMap(({ panels = [] }) =>
    panels.flatMap((panel) => {
      const steps = 'transformations' in panel ? (panel.transformations ?? []) : [];
      if (!steps.some(({ id }) => id === 'extractFields')) return [];
      const { renameByName } = steps.find(({ id }) => id === 'organize')!.options as {
        readonly renameByName: Readonly<Record<string, string>>;
      };
      return Object.keys(renameByName).map((name) => [`${panel.title}`, name] as const);
    }),
  );
}

/** Puts in what Grafana would: its own times, and the variables. @throws for a variable without a value */
export function filledIn(expr: string, variables: Readonly<Record<string, string>>): string {
  const values: Readonly<Record<string, string>> = {
    __auto: '15m',
    __range: '15m',
    __rate_interval: '5m',
    ...variables,
  };
  return expr.replaceAll(/\$(\w+)/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${whole} in ${expr} has no value`);
    return value;
  });
}

/** What is wrong in a query, by the grammar of its language: the text at each place where it does not go on. */
export function syntaxErrors(source: SourceType, expr: string): readonly string[] {
  const errors: string[] = [];
  (source === 'loki' ? logql : promql).parse(expr).iterate({
    enter: ({ type, from }) => {
      if (type.isError) errors.push(expr.slice(from, from + 20));
    },
  });
  return errors;
}
