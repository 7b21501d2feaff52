#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0

/*
 * Entry. Only what every Node since 18 understands stands here, so that an old one gets a sentence and not a stack:
 * the rest is imported after the check.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(
    `error: agentsmith-otel needs Node 22.15 or newer, this is ${process.versions.node}: in a clone, npm start brings its own\n`,
  );
  process.exitCode = 69;
} else {
  const { main } = await import('./commands/main.ts');
  // What a receiver still owes us must not hold the process: main has waited for it as long as it may.
  process.exit(await main(process.argv.slice(2)));
}
