// SPDX-License-Identifier: Apache-2.0
import type { FileSettings } from './file-settings.ts';
import { OPTION_NAMES, variableOf } from './options.ts';
import type { Environment } from './receiver-settings.ts';
import { didYouMean } from './usage-error.ts';

const OWN_VARIABLES = [
  ...OPTION_NAMES.map(variableOf).filter((name) => name !== undefined),
  // Read by the addon: what libbpf and the verifier say.
  'AGENTSMITH_LIBBPF_LOG',
];

/** Variables that look like ours and are not. */
export function unknownVariables(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('AGENTSMITH_') && !OWN_VARIABLES.includes(name))
    .map((name) => `${name}: no such setting${didYouMean(name, OWN_VARIABLES)}; ignored`);
}

/** Standard variables that have no effect here, one line each. */
export function ignoredVariables(env: Environment, file: FileSettings | undefined): string[] {
  const names = Object.keys(env).filter((name) => name.startsWith('OTEL_') && env[name]);
  if (file) {
    return names
      .filter((name) => name !== 'OTEL_CONFIG_FILE' && !file.variables.has(name))
      .map(
        (name) => `${name}: ignored, as OpenTelemetry wants it beside a configuration file (${file.name})`,
      );
  }
  return names
    .filter((name) => name.startsWith('OTEL_EXPORTER_PROMETHEUS_'))
    .map((name) => `${name}: nothing listens here; the Collector has a Prometheus endpoint; ignored`);
}
