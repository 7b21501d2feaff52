// SPDX-License-Identifier: Apache-2.0
import type { ResourceValue } from './file-settings.ts';
import type { Detector } from './lists.ts';
import type { OptionValues } from './options.ts';
import type { Environment } from './receiver-settings.ts';
import { foundIn, type Layer, layers, Rank, type Sources, winner } from './sources.ts';

/** The attributes that a user gives to the Resource, and where each comes from. */
export interface GivenAttributes {
  readonly attributes: Readonly<Record<string, ResourceValue>>;
  readonly attributeOrigins: Readonly<Record<string, string>>;
}

/**
 * Puts the attributes of the Resource together: of each rank the service's name wins over the attributes. Never
 * process.* or container.id: they would name the agent where a record means another process.
 */
export function resourceAttributes(
  { resourceDetectors }: Pick<OptionValues, 'resourceDetectors'>,
  sources: Sources,
): GivenAttributes {
  const attributes: Record<string, ResourceValue> = {};
  const attributeOrigins: Record<string, string> = {};
  const add = (name: string, value: ResourceValue, origin: string) => {
    if (/^process\.|^container\.id$/.test(name)) {
      sources.warn(`${origin}: ${name} is left out, records name the process and container they are about`);
      return;
    }
    attributes[name] = value;
    attributeOrigins[name] = origin;
  };
  const { file } = sources;
  for (const [name, value] of Object.entries(file?.attributes ?? {}))
    add(name, value, `${file!.name}: resource.attributes`);
  const named: Layer[] = [...foundIn('serviceName', sources)]
    .filter(({ value }) => value !== undefined)
    .map(({ origin, value }) => ({ origin, pairs: { 'service.name': `${value}`.trim() } }));
  const all = [...layers('resource', sources), ...named].sort((a, b) => a.origin.rank - b.origin.rank);
  for (const { origin, pairs } of all) {
    if (origin.rank === Rank.STANDARD && !resourceDetectors.includes('env')) {
      sources.warn(`${origin.name}: ignored, the detector env is off`);
      continue;
    }
    for (const [name, value] of Object.entries(pairs)) add(name, value, origin.name);
  }
  return { attributes, attributeOrigins };
}

/** What variables alone say of the Resource: for programs that have no command line. @throws UsageError for ours */
export function environmentResource(
  env: Environment,
  warn: (line: string) => void,
): Pick<GivenAttributes, 'attributes'> & { readonly detectors: readonly Detector[] } {
  const sources: Sources = {
    flags: new Map(),
    env,
    file: undefined,
    events: { known: [], defaults: [] },
    warn,
  };
  const detectors = winner('resourceDetectors', sources).value as readonly Detector[];
  const { attributes } = resourceAttributes({ resourceDetectors: detectors }, sources);
  return { attributes, detectors };
}
