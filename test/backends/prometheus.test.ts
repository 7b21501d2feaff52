// SPDX-License-Identifier: Apache-2.0
// Agent → Collector → Prometheus: the books of the agent, and the time of its hooks, under the names of dashboards.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DELAY, HOOK_DURATION, METRICS } from '../../src/metrics.ts';
import { cleanUp } from '../support/cli.ts';
import { expectedResource } from '../support/host-resource.ts';
import { fetchPrometheus, type Prometheus, prometheusName, startPrometheus } from '../support/prometheus.ts';
import { Road } from '../support/road.ts';
import { CONNECT, lastLine } from '../support/sent.ts';
import { orSkip } from '../support/skip.ts';

const EXPORTED = 'agentsmith_sensor_event_exported_total';
const LIMIT_MS = 60_000;

describe('Prometheus', function () {
  this.timeout('60s');
  let road: Road | undefined;
  let prometheus: Prometheus;
  let connections: number;
  let said: ReturnType<typeof lastLine>;
  const sum = async (promql: string) => (await prometheus.query(`sum(${promql})`))[0]?.value;

  before(async function () {
    this.timeout('10m');
    const programs = orSkip(this, await fetchPrometheus());
    let state = '';
    road = await Road.open(
      this,
      async (dir) => {
        prometheus = await startPrometheus(programs, dir);
        state = join(dir, 'state');
        mkdirSync(state, { mode: 0o700 });
        const on = { AGENTSMITH_PROMETHEUS: 'otlp', AGENTSMITH_PROMETHEUS_ENDPOINT: prometheus.writeUrl };
        // Prometheus takes no events, and where nobody does the agent keeps them.
        return { ...on, AGENTSMITH_LOCAL: 'otlp' };
      },
      // With a spool, so that its metrics are there too.
      { args: () => ['--metrics-interval', '1s', '--state-dir', state] },
    );
    await road.deeds();
    connections = await road.storm(2000, 2);
    said = lastLine((await road.stopAgent()).stderr);
    const deadline = performance.now() + LIMIT_MS;
    while ((await sum(EXPORTED)) !== said.delivered && performance.now() < deadline) await sleep(200);
  });

  after(() => Road.end(road, prometheus));

  cleanUp();

  it('has every metric, with the host', async () => {
    const host = expectedResource()['host.name'];
    for (const metric of [...METRICS, { ...DELAY, kind: 'histogram' }, HOOK_DURATION]) {
      const name = prometheusName(metric) + (metric.name === DELAY.name ? '_count' : '');
      const found = await prometheus.query(name);
      assert.ok(found.length > 0, name);
      for (const { labels } of found) {
        assert.equal(labels.host_name, host, name);
        assert.equal(labels.job, 'agentsmith-otel', name);
      }
    }
  });

  it('has the books, and they are balanced', async () => {
    assert.deepEqual(
      [await sum(EXPORTED), await sum('agentsmith_sensor_event_dropped_total'), said.lost],
      [said.delivered, 0, 0],
    );
    const of = (name: string, event: string) =>
      sum(`agentsmith_sensor_event_${name}_total{agentsmith_event_name="${event}"}`);
    assert.ok((await of('exported', CONNECT))! >= connections);
    for (const { labels } of await prometheus.query(`sum by (agentsmith_event_name) (${EXPORTED})`)) {
      const event = labels.agentsmith_event_name!;
      const [attempted, exported, filtered] = await Promise.all(
        ['attempted', 'exported', 'filtered'].map((name) => of(name, event)),
      );
      // Of the agent's own records no kernel program knows.
      if (attempted !== undefined) assert.equal(attempted, exported! + (filtered ?? 0), event);
    }
  });

  it('has the time of hooks as a native histogram, by event, with quantiles', async () => {
    const name = prometheusName(HOOK_DURATION);
    const [connect] = await prometheus.query(`${name}{agentsmith_event_name="${CONNECT}"}`);
    const { count, sum: seconds } = connect!.histogram!;
    // One run in 64 of each CPU is timed.
    assert.ok(count >= connections / 64 / 2, `${count} of ${connections}`);
    assert.ok(seconds > 0);
    const [median] = await prometheus.query(
      `histogram_quantile(0.5, ${name}{agentsmith_event_name="${CONNECT}"})`,
    );
    assert.ok(median!.value! > 0 && median!.value! < 1, `${median!.value}`);
  });
});
