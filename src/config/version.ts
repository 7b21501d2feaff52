// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const NAME = 'agentsmith-otel';

/** The version in our package.json, read once. It stands above both `src/` and `build/src/`. */
export const VERSION: string = versionAbove(import.meta.dirname);

function versionAbove(folder: string): string {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const { name, version } = manifest as { name?: unknown; version?: unknown };
    if (name === NAME && typeof version === 'string') return version;
  } catch {
    // None in this folder: the next one up.
  }
  const parent = dirname(folder);
  if (parent === folder) throw new Error(`no package.json of ${NAME} above ${import.meta.dirname}`);
  return versionAbove(parent);
}
