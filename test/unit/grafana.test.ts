// SPDX-License-Identifier: Apache-2.0
// The dashboards as far as no server is needed; that they are the ones in examples/grafana: docs.test.ts; that their
// queries find something: test/backends/views.test.ts.
import assert from 'node:assert/strict';
import { dashboards } from '../../examples/grafana/src/dashboards.ts';
import { BLOCK } from '../../src/enrich/process-block.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import * as at from '../../src/semconv.ts';
import { filledIn, lokiName, panelQueries, syntaxErrors, tableColumns } from '../support/panels.ts';

/** Every name that a record can have in Loki, but for those that come with the environment and the Resource. */
const KNOWN: ReadonlySet<string> = new Set(
  [
    ...eventDefinitions({ redact: true }).flatMap(({ attributes }) => Object.keys(attributes)),
    ...BLOCK.map(({ key }) => key.name),
    ...Object.values(at).filter((value) => typeof value === 'string'),
    'event.name',
    'host.name',
    'severity.number',
  ].map(lokiName),
);

describe('the dashboards', () => {
  it('have panels, a place for each, and no title twice', () => {
    for (const { uid, panels = [] } of dashboards().values()) {
      assert.match(`${uid}`, /^agentsmith-/);
      assert.ok(panels.length >= 8);
      for (const { gridPos } of panels)
        assert.ok(gridPos && gridPos.x + gridPos.w <= 24 && gridPos.h > 0, JSON.stringify(gridPos));
    }
  });

  it('ask in the grammars of LogQL and PromQL', () => {
    for (const { title, source, expr } of panelQueries()) {
      const all = { host: '.*', event: '.*', executable: '.*', process: '1-2' };
      assert.deepEqual(syntaxErrors(source, filledIn(expr, all)), [], `${title}: ${expr}`);
    }
    assert.notDeepEqual(syntaxErrors('loki', '{a="b"} | c='), []);
    assert.notDeepEqual(syntaxErrors('prometheus', 'sum(rate(x[5m])'), []);
  });

  it('ask of Loki for attributes that records have', () => {
    const named = panelQueries()
      .filter(({ source }) => source === 'loki')
      .flatMap(({ title, expr }) => [
        ...[...expr.matchAll(/\| (\w+)\s*(?:=|!=|=~|>=)/g)].map(([, name]) => [title, name!] as const),
        ...[...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names]) =>
          names!.split(', ').map((name) => [title, name] as const),
        ),
      ]);
    assert.ok(named.length > 30);
    for (const [title, name] of [...named, ...tableColumns()])
      assert.ok(KNOWN.has(name), `${title}: ${name}`);
  });
});
