// SPDX-License-Identifier: Apache-2.0
// What people look at, against real servers that a real agent has filled: every query of every dashboard finds
// something, the alerts mean what they say, the recipes of docs/queries.md answer.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { cleanUp } from '../support/cli.ts';
import { askDuckdb, fetchDuckdb } from '../support/duckdb.ts';
import { eventually } from '../support/eventually.ts';
import { type Observed, observe } from '../support/observed.ts';
import { filledIn, panelQueries, syntaxErrors, variableQueries } from '../support/panels.ts';
import { fetchPrometheus } from '../support/prometheus.ts';
import { readRecipes } from '../support/recipes.ts';
import { repository } from '../support/repository.ts';
import { orSkip } from '../support/skip.ts';

const isMetric = (logql: string) => /\b(count|sum)_over_time\b/.test(logql);

describe('a host that was watched', function () {
  this.timeout('60s');
  let seen: Observed;

  before(async function () {
    this.timeout('45m');
    seen = await observe(this);
  });

  after(() => seen?.close());

  cleanUp();

  /** How much a query finds: series, samples or lines. */
  async function found(source: 'loki' | 'prometheus', expr: string): Promise<number> {
    if (source === 'prometheus') return (await seen.prometheus.query(expr)).length;
    return (isMetric(expr) ? await samples(expr) : await seen.loki.lines(expr)).length;
  }

  const samples = (expr: string) => seen.loki.samples(expr, { to: Date.now() });

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
    const counted = (await seen.prometheus.query(filledIn(lost, { host: '.*' }))).map(
      ({ labels, value }) => [`${labels.agentsmith_event_name} ${labels.error_type}`, value] as const,
    );
    assert.deepEqual(new Map(counted), told);
  });

  it('has the alerts that it should: lost events now, silence when it has said nothing for a while', async () => {
    const text = readFileSync(join(repository, 'examples/grafana/alerts.yaml'), 'utf8');
    const { groups } = parse(text) as { groups: [{ rules: { alert: string; expr: string }[] }] };
    const rules = new Map(groups[0].rules.map(({ alert, expr }) => [alert, expr]));
    const fires = async (alert: string, minutes: number) => {
      const samples = await seen.prometheus.query(rules.get(alert)!, Date.now() / 1000 + minutes * 60);
      return samples.map(({ labels }) => labels);
    };
    const host = `${seen.records[0]!.resource['host.name']}`;
    const lost = await fires('AgentsmithEventsLost', 0);
    assert.ok(
      lost.some(
        (labels) =>
          labels.host_name === host &&
          labels.agentsmith_event_name === 'agentsmith.file.create' &&
          labels.error_type === 'rate_limited',
      ),
    );
    assert.deepEqual(await fires('AgentsmithEventsLost', 30), []);
    assert.deepEqual(await fires('AgentsmithAgentSilent', 0), []);
    assert.deepEqual(await fires('AgentsmithAgentSilent', 10), [{ host_name: host }]);
    // Whether a hook is missing depends on the kernel.
    const missing = rules.get('AgentsmithHookMissing')!.replace('> 0', '>= 0');
    assert.ok((await seen.prometheus.query(missing)).length > 0);
  });

  const recipes = readRecipes();

  it('is what docs/queries.md asks for: twelve questions', () => {
    assert.deepEqual(
      recipes.map(({ title }) => title),
      Object.keys(ANSWERS),
    );
  });

  for (const { title, logql, sql } of recipes) {
    it(`answers in LogQL: ${title}`, async () => {
      const { all, none } = ANSWERS[title]!;
      assert.deepEqual(syntaxErrors('loki', logql), []);
      const answer = textOf(await (isMetric(logql) ? samples(logql) : seen.loki.lines(logql)));
      for (const pattern of all) assert.match(answer, pattern);
      if (none) assert.doesNotMatch(answer, none);
    });

    it(`answers in SQL: ${title}`, async function () {
      this.timeout('5m');
      const { all, none } = ANSWERS[title]!;
      const answer = textOf(await askDuckdb(orSkip(this, await fetchDuckdb()), seen.eventsPath, sql));
      for (const pattern of all) assert.match(answer, pattern);
      if (none) assert.doesNotMatch(answer, none);
    });
  }

  it('answers from Kafka, where the page says so', async function () {
    const broker = orSkip(this, seen.kafka);
    const path = join(repository, 'examples/kafka/questions.mjs');
    const source = readFileSync(path, 'utf8');
    const asked = recipes.flatMap(({ kafka }) => (kafka ? [kafka] : []));
    assert.equal(asked.length, 5);
    for (const lines of asked) assert.ok(source.includes(lines), lines);
    const child = spawn(process.execPath, [path, broker], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
      const patterns = [
        /"ran without a file".*memfd:hidden program/,
        /"reached into another process".*process-ptrace/,
        /"put code into the kernel".*kernel-bpf/,
        /"gained rights".*umount/,
        /"events are missing"/,
      ];
      await eventually(() => patterns.every((pattern) => pattern.test(said)), 40_000);
      assert.doesNotMatch(said, /over ssh/);
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });
});

/** What the answers to a question must have, and must not. */
const ANSWERS: Readonly<Record<string, { readonly all: readonly RegExp[]; readonly none?: RegExp }>> = {
  '1. What did this user run?': { all: [/umount/], none: /over.*ssh/ },
  '2. Who talked to this address?': { all: [/ECONNREFUSED/, /"\/usr\/bin\/bash"/, /"9"/] },
  '3. Which ports were bound, and by whom?': { all: [/network-bind/, /"tcp"/] },
  '4. Which programs ran without a file?': { all: [/memfd:hidden program/, /\/doomed"/], none: /dropped/ },
  '5. Which DNS names were never asked for before?': { all: [/"www\.example\.com"/] },
  '6. Who reached into whom?': { all: [/proc_mem_write/, /process_vm_writev/], none: /TRACEME/ },
  '7. Who put code into the kernel, or tried to?': { all: [/socket_filter/, /\/usr\/bin\/true/] },
  '8. Who gained rights?': { all: [/umount/], none: /sleep/ },
  '9. What was dropped, then run?': { all: [/\/deeds\/dropped"/], none: /umount/ },
  '10. What was run over SSH, and from where?': { all: [/192\.0\.2\.7/, /ssh/], none: /umount/ },
  '11. Who changed what starts by itself?': {
    all: [/cron\.d\/job/, /cron\.d\/moved/],
    none: /\/deeds\/made/,
  },
  '12. Is anything missing?': { all: [/"rate_limited"/, /"agentsmith\.file\.create"/] },
};

/** All that an answer says, as text. */
const textOf = (value: unknown) =>
  JSON.stringify(value, (_key, each) => (typeof each === 'bigint' ? `${each}` : each));

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
