// SPDX-License-Identifier: Apache-2.0
// What people look at, against real servers that a real agent has filled: every query of every dashboard finds
// something, the alerts mean what they say, the recipes of docs/queries.md answer.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanUp } from '../support/cli.ts';
import { needsKernel } from '../support/needs.ts';
import { type Observed, observe } from '../support/observed.ts';
import { filledIn, panelQueries, variableQueries } from '../support/panels.ts';
import { fetchPrometheus } from '../support/prometheus.ts';
import { repository } from '../support/repository.ts';
import { orSkip } from '../support/skip.ts';

describe('a host that was watched', function () {
  this.timeout('60s');
  let dir: string;
  let seen: Observed;

  before(async function () {
    this.timeout('45m');
    needsKernel.call(this);
    dir = mkdtempSync(join(tmpdir(), 'agentsmith-views-'));
    seen = await observe(this, dir);
  });

  after(async () => {
    await seen?.close();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  cleanUp();

  /** How much a query finds: series, samples or lines. */
  async function found(source: 'loki' | 'prometheus', expr: string): Promise<number> {
    if (source === 'prometheus') return (await seen.prometheus.query(expr)).length;
    const isMetric = /\b(count|rate)_over_time\b/.test(expr);
    return (isMetric ? await seen.loki.samples(expr, { to: Date.now() }) : await seen.loki.lines(expr))
      .length;
  }

  it('is in every panel of every dashboard', async () => {
    const variables = { host: '.*', event: '.*', executable: '.*', process: seen.process };
    const empty: string[] = [];
    for (const { title, source, expr } of panelQueries())
      if ((await found(source, filledIn(expr, variables))) === 0) empty.push(`${title}: ${expr}`);
    assert.deepEqual(empty, []);
  });

  it('is among the hosts, events and executables to choose from, and nothing else is found for others', async () => {
    for (const { title, series, label } of variableQueries()) {
      const values = new Set((await seen.prometheus.query(series)).map(({ labels }) => labels[label]));
      assert.ok(values.size > 0 && !values.has(undefined), title);
    }
    const { resource } = seen.records[0]!;
    const variables = {
      event: 'agentsmith\\\\.process\\\\.exec',
      executable: '/usr/bin/bash',
      process: seen.process,
    };
    const query = panelQueries().find(({ title }) => title === 'Host activity: All events')!.expr;
    const mine = await seen.loki.lines(filledIn(query, { ...variables, host: `${resource['host.name']}` }));
    assert.ok(mine.length > 0);
    for (const { labels } of mine) {
      assert.equal(labels.event_name, 'agentsmith.process.exec');
      assert.equal(labels.process_executable_path, '/usr/bin/bash');
    }
    assert.deepEqual(await seen.loki.lines(filledIn(query, { ...variables, host: 'nobody' })), []);
  });

  it('has lost what the dashboard says, and why', async () => {
    const lost = panelQueries().find(({ title }) => title === 'Agent health: What was lost')!.expr;
    // Other programs of this machine may lose something, too.
    const told = new Map<string, number>();
    for (const { eventName, attributes } of seen.records)
      if (eventName === 'agentsmith.sensor.gap') {
        const what = `${attributes['agentsmith.gap.event']} ${attributes['agentsmith.gap.reason']}`;
        told.set(what, (told.get(what) ?? 0) + Number(attributes['agentsmith.gap.count']));
      }
    assert.ok(told.get('agentsmith.file.create rate_limited')! > 0);
    const shown = (await seen.prometheus.query(filledIn(lost, { host: '.*' }))).map(
      ({ labels, value }) => [`${labels.agentsmith_event_name} ${labels.error_type}`, value] as const,
    );
    assert.deepEqual(new Map(shown), told);
  });
});

describe('the alerts', () => {
  it('are rules that promtool takes, and fire for a host that loses events, falls silent or misses a hook', async function () {
    this.timeout('5m');
    const { promtool } = orSkip(this, await fetchPrometheus());
    const folder = mkdtempSync(join(tmpdir(), 'agentsmith-alerts-'));
    try {
      copyFileSync(join(repository, 'examples/grafana/alerts.yaml'), join(folder, 'alerts.yaml'));
      copyFileSync(join(repository, 'test/fixtures/alerts.yaml'), join(folder, 'test.yaml'));
      const run = (...args: string[]) => execFileSync(promtool, args, { cwd: folder, encoding: 'utf8' });
      assert.match(run('check', 'rules', 'alerts.yaml'), /SUCCESS: 3 rules found/);
      assert.match(run('test', 'rules', 'test.yaml'), /SUCCESS/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
