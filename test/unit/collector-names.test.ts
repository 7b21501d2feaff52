// SPDX-License-Identifier: Apache-2.0
// otel-collector.yaml and the examples beside it, read: every component is in the stock Collector, is declared, is used.
// That a Collector takes them is left to test/e2e/collector-config.test.ts and test/backends.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig, SECTIONS, type Section, shippedConfig, typeOf } from '../support/collector-config.ts';
import { repository } from '../support/repository.ts';

/** What otelcol-contrib was made of, by the names of Go modules. */
const CONTRIB = JSON.parse(
  readFileSync(join(repository, 'test/collector/contrib-components.json'), 'utf8'),
) as Record<Section, string[]> & { renamed: Record<string, { module: string; since: string }> };

/** The module of a component: `health_check` is of healthcheckextension, `file_storage` of filestorage. */
function moduleOf(section: Section, type: string): string | undefined {
  const renamed = CONTRIB.renamed[type]?.module;
  if (renamed !== undefined) return CONTRIB[section].find((module) => module === renamed);
  const stem = type.replaceAll('_', '');
  return CONTRIB[section].find((module) => module === stem || module === stem + section.slice(0, -1));
}

describe('the components of otel-collector.yaml', () => {
  it('are in the stock Collector of the version that its head names', async () => {
    const config = await readConfig(shippedConfig);
    const others = ['gateway', 'balanced'].map((name) => join(repository, `examples/gateway/${name}.yaml`));
    for (const each of [config, ...(await Promise.all(others.map(readConfig)))])
      for (const section of SECTIONS)
        for (const name of Object.keys(each[section] ?? {}))
          assert.ok(moduleOf(section, typeOf(name)), `${section}: ${name}`);
    assert.equal(moduleOf('exporters', 'nothing_like_it'), undefined);

    const needed = Object.keys(config.exporters).map((name) => CONTRIB.renamed[typeOf(name)]?.since ?? '0');
    const newest = needed.sort((a, b) => Number(a.split('.')[1] ?? 0) - Number(b.split('.')[1] ?? 0)).at(-1);
    assert.match(
      readFileSync(shippedConfig, 'utf8'),
      new RegExp(`"contrib"\\), ${newest!.split('.', 2).join('\\.')} or newer`),
    );
  });

  it('are declared where they are used, and used where they are declared', async () => {
    const { service, ...declared } = await readConfig(shippedConfig);
    const used: Record<Section, Set<string>> = {
      receivers: new Set(),
      processors: new Set(),
      exporters: new Set(),
      extensions: new Set(service.extensions),
    };
    for (const pipeline of Object.values(service.pipelines))
      for (const section of ['receivers', 'processors', 'exporters'] as const)
        for (const name of pipeline[section]) {
          const variable = /^\$\{env:\w+:-(\w+)\}$/.exec(name)?.[1];
          used[section].add(variable ?? name);
        }
    for (const section of SECTIONS)
      assert.deepEqual([...used[section]].sort(), Object.keys(declared[section]).sort(), section);
  });

  it('guard against memory first, in every pipeline', async () => {
    const { service } = await readConfig(shippedConfig);
    for (const [name, { processors }] of Object.entries(service.pipelines))
      assert.equal(processors[0], 'memory_limiter', name);
  });

  it('cut batches below what Kafka takes', async () => {
    const { exporters } = await readConfig(shippedConfig);
    const kafka = exporters.kafka as {
      producer: { max_message_bytes: number };
      sending_queue: { batch: { sizer: string; max_size: number } };
    };
    assert.equal(kafka.sending_queue.batch.sizer, 'bytes');
    assert.ok(kafka.sending_queue.batch.max_size < kafka.producer.max_message_bytes);
  });
});
