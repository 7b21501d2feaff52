// SPDX-License-Identifier: Apache-2.0
/*
 * Agent → Collector → OpenSearch with examples/opensearch/index-template.json. The agent, the Collector's transform and
 * OpenSearch are real. The Collector's exporter cannot be had: `documentOf` below writes what upstream's source says that
 * it writes (mapping ss4o). That part was read, not run, and what the exporter loses while OpenSearch is away is not seen.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp } from '../support/cli.ts';
import { buildCollector } from '../support/collector.ts';
import { pruned, withFile } from '../support/collector-config.ts';
import { type LogRecord, waitForCollectorFile } from '../support/collector-file.ts';
import { inFolder } from '../support/folder.ts';
import { fetchOpenSearch, type OpenSearch, startOpenSearch } from '../support/opensearch.ts';
import type { Value } from '../support/otlp-json.ts';
import { repository } from '../support/repository.ts';
import { Road } from '../support/road.ts';
import { CONNECT, EXEC, EXIT, lastLine, named } from '../support/sent.ts';
import { orSkip } from '../support/skip.ts';

const INDEX = 'agentsmith-2026.01.01';
const TEMPLATE = join(repository, 'examples/opensearch/index-template.json');

const nanos = (time: bigint) =>
  `${new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19)}.${String(time % 1_000_000_000n).padStart(9, '0')}Z`;
const text = (value: Value) => (typeof value === 'string' ? value : JSON.stringify(value));

/** The document that the exporter makes of a record (opensearchexporter, log_bulk_indexer.go): read, not run. */
function documentOf(record: LogRecord): object {
  const { timeUnixNano, body, attributes, resource, scope, severityNumber } = record;
  return {
    '@timestamp': nanos(timeUnixNano),
    observedTimestamp: new Date().toISOString(),
    body,
    severity: { number: severityNumber },
    attributes: {
      ...attributes,
      data_stream: { dataset: 'default', namespace: 'namespace', type: 'record' },
    },
    resource: Object.fromEntries(Object.entries(resource).map(([name, value]) => [name, text(value)])),
    instrumentationScope: scope,
  };
}

describe('OpenSearch', function () {
  this.timeout('60s');
  let road: Road | undefined;
  let search: OpenSearch | undefined;
  let written: LogRecord[];
  let errors: unknown[];

  before(async function () {
    this.timeout('40m');
    const classPath = orSkip(this, await fetchOpenSearch());
    const binary = orSkip(this, await buildCollector());
    await inFolder(async (dir) => {
      const out = join(dir, 'opensearch.jsonl');
      const config = join(dir, 'collector.yaml');
      writeFileSync(config, (await pruned(await withFile('opensearch', out), binary)).text);
      road = await Road.open(
        this,
        async (own) => {
          search = await startOpenSearch(classPath, own);
          return { AGENTSMITH_OPENSEARCH: 'otlp' };
        },
        { collector: () => ({ config }) },
      );
      await road.deeds();
      await road.storm(500, 1);
      await road.shell.run('/bin/true "$(head -c 32000 /dev/zero | tr "\\\\0" x)"');
      await road.deeds();
      const { delivered, lost } = lastLine((await road.stopAgent()).stderr);
      assert.equal(lost, 0);
      ({ records: written } = await waitForCollectorFile(out, ({ records }) => records.length >= delivered));
    });
    await search!.ask(
      'PUT',
      '/_index_template/agentsmith',
      JSON.parse(readFileSync(TEMPLATE, 'utf8')) as object,
    );
    const lines = written.flatMap((record) => [{ create: { _index: INDEX } }, documentOf(record)]);
    const body = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
    const answer = (await search!.ask('POST', '/_bulk?refresh=true', body)) as {
      items: { create: { error?: unknown } }[];
    };
    errors = answer.items.flatMap(({ create }) => (create.error ? [create.error] : []));
  });

  after(() => Road.end(road, search));

  cleanUp();

  /** How many events a query finds. */
  async function count(query: object): Promise<number> {
    const { count } = (await search!.ask('POST', `/${INDEX}/_count`, { query })) as { count: number };
    return count;
  }

  it('takes every event', async () => {
    assert.deepEqual(errors, []);
    assert.equal(await count({ match_all: {} }), written.length);
    // Durations that happen to be whole numbers among them, in whatever order.
    assert.ok(named(written, EXIT).length > 40);
  });

  it('finds events by the path of their executable, and by name', async () => {
    const path = '/usr/bin/true';
    const by = ({ attributes }: LogRecord) => attributes['process.executable.path'] === path;
    const found = await count({ term: { 'attributes.process.executable.path': path } });
    assert.equal(found, written.filter(by).length);
    assert.ok(found > 80);
    const filter = [
      { term: { 'attributes.event.name': EXEC } },
      { term: { 'attributes.process.executable.path': path } },
    ];
    assert.equal(await count({ bool: { filter } }), named(written, EXEC).filter(by).length);
  });

  it('counts events by name', async () => {
    const answer = (await search!.ask('POST', `/${INDEX}/_search`, {
      size: 0,
      aggs: { names: { terms: { field: 'attributes.event.name', size: 100 } } },
    })) as { aggregations: { names: { buckets: { key: string; doc_count: number }[] } } };
    const { buckets } = answer.aggregations.names;
    assert.ok(buckets.length >= 5);
    for (const { key, doc_count } of buckets) assert.equal(doc_count, named(written, key).length, key);
  });

  it('compares addresses by network, ports and durations by size, times by time', async () => {
    const connections = named(written, CONNECT);
    const name = { term: { 'attributes.event.name': CONNECT } };
    const both = (clause: object) => count({ bool: { filter: [name, clause] } });
    assert.equal(
      await both({ term: { 'attributes.network.peer.address': '127.0.0.0/8' } }),
      connections.length,
    );
    assert.equal(await both({ term: { 'attributes.network.peer.address': '10.0.0.0/8' } }), 0);
    assert.equal(
      await both({ range: { 'attributes.network.peer.port': { gte: 1100, lt: 1200 } } }),
      connections.filter(({ attributes }) => {
        const port = Number(attributes['network.peer.port']);
        return port >= 1100 && port < 1200;
      }).length,
    );
    assert.equal(
      await count({ range: { 'attributes.process.creation.time': { gte: 'now-1h' } } }),
      written.filter(({ attributes }) => attributes['process.creation.time'] !== undefined).length,
    );
    const exits = named(written, EXIT);
    assert.equal(
      await count({ range: { 'attributes.agentsmith.process.duration': { gte: 0 } } }),
      exits.length,
    );
  });
});
