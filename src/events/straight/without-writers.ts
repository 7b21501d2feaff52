// SPDX-License-Identifier: Apache-2.0
// For the generator: events without their generated writers, which may no longer fit to what they call.
import { registerHooks } from 'node:module';

registerHooks({
  load: (url, context, next) =>
    url.endsWith('/straight/writers.gen.js')
      ? { format: 'module', shortCircuit: true, source: 'export const STRAIGHT = new Map();' }
      : next(url, context),
});
