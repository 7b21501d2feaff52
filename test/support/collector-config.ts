// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { repository } from './repository.ts';

/** The configuration that users get; the tests run that very file. */
export const shippedConfig = join(repository, 'otel-collector.yaml');

export const SECTIONS = ['receivers', 'processors', 'exporters', 'extensions'] as const;
export type Section = (typeof SECTIONS)[number];

/** A Collector's configuration, as far as the tests look at it. */
export type CollectorConfig = Record<Section, Record<string, unknown>> & {
  service: {
    extensions: string[];
    pipelines: Record<string, Record<'receivers' | 'processors' | 'exporters', string[]>>;
  };
};

export async function readConfig(path: string): Promise<CollectorConfig> {
  return parse(await readFile(path, 'utf8')) as CollectorConfig;
}

/** otel-collector.yaml with a file in the place of an exporter that cannot be had: what it would have been given. */
export async function withFile(exporter: string, path: string): Promise<CollectorConfig> {
  const config = await readConfig(shippedConfig);
  delete config.exporters[exporter];
  config.exporters[`file/${exporter}`] = { path };
  config.service.pipelines[`logs/${exporter}`]!.exporters = [`file/${exporter}`];
  return config;
}

/** `otlp_http` of `otlp_http/loki`. */
export const typeOf = (component: string): string => component.split('/')[0]!;

/** A configuration without what a Collector program lacks, and what was left out. */
export async function pruned(
  shipped: CollectorConfig,
  binary: string,
): Promise<{ readonly text: string; readonly gone: readonly string[] }> {
  const config = structuredClone(shipped);
  const known = await components(binary);
  const gone: string[] = [];
  for (const section of SECTIONS)
    for (const name of Object.keys(config[section] ?? {}).filter(
      (name) => !known[section].has(typeOf(name)),
    )) {
      delete config[section][name];
      gone.push(name);
    }
  const { pipelines } = config.service;
  for (const [name, pipeline] of Object.entries(pipelines))
    if (Object.values(pipeline).some((list) => list.some((each) => gone.includes(each))))
      delete pipelines[name];
  // Without aliases: the Collector knows them, but people who look at the file of a failed test do not have to.
  return { text: stringify(config, { aliasDuplicateObjects: false }), gone };
}

/** The types of the components that a Collector program was built with. */
async function components(binary: string): Promise<Record<Section, Set<string>>> {
  const { stdout } = await promisify(execFile)(binary, ['components']);
  const listed = parse(stdout) as Record<Section, { name: string }[] | undefined>;
  return Object.fromEntries(
    SECTIONS.map((section) => [section, new Set((listed[section] ?? []).map(({ name }) => name))]),
  ) as Record<Section, Set<string>>;
}
