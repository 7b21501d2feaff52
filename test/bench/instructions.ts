// SPDX-License-Identifier: Apache-2.0
import { runInVm } from '../support/vm.ts';
import { beside, type Part, plain } from './figures.ts';
import type { Instructions } from './instructions-in-guest.ts';

/** Emulated, it takes about two minutes. */
const TIMEOUT_MS = 15 * 60_000;

/**
 * The jobs of macro.ts and the handlers on a stock kernel, where BPF trampolines load: instructions instead of time, as it is
 * emulated. They are the same in every run, so a change of a handler shows here first.
 */
export const instructions: Part = {
  name: 'instructions',
  needsRoot: true,
  async run({ progress }) {
    progress('instructions: in a guest');
    const command = `${process.execPath} build/test/bench/instructions-in-guest.js`;
    const options = { timeoutMs: TIMEOUT_MS, countsInstructions: true };
    const { skipped, output, log } = await runInVm('6.12', command, options);
    if (skipped !== undefined) {
      progress(`instructions: skipped: ${skipped}`);
      return [];
    }
    const line = output.split('\n').find((each) => each.startsWith('{"jobs"'));
    if (line === undefined) throw new Error(output + log);
    const { jobs, handlers } = JSON.parse(line) as Instructions;
    return [
      ...jobs.map(({ name, without, beside: with_ }) =>
        beside(
          `macro.${name}.instructions`,
          with_ / 1e6,
          'million',
          without / 1e6,
          'without the agent, tier A',
        ),
      ),
      ...handlers.map(({ name, value }) => plain(`${name}.instructions`, value, 'instructions')),
    ];
  },
};
