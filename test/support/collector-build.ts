// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { type BuildOptions, buildGo } from './go-build.ts';
import { repository } from './repository.ts';
import type { SkipReason } from './skip.ts';

export type { BuildOptions } from './go-build.ts';
export type { SkipReason } from './skip.ts';

/**
 * The Collector of the tests, built from `test/collector` when no earlier run has left it in the cache.
 * A missing Go or network is a reason to skip; sources that do not compile are an error.
 */
export const buildCollector = (options: BuildOptions = {}): Promise<string | SkipReason> =>
  buildGo(
    {
      name: 'the Collector',
      program: 'otelcol',
      sources: join(repository, 'test', 'collector'),
      minutes: '2 to 11',
    },
    options,
  );
