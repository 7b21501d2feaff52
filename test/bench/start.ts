// SPDX-License-Identifier: Apache-2.0
import { Cli } from '../support/cli.ts';
import { median, type Part, plain } from './figures.ts';

/** From the start of the process to the line that says that everything is attached. */
export const start: Part = {
  name: 'start',
  needsRoot: true,
  async run({ quick, progress }) {
    const times: number[] = [];
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      progress(`start: round ${round + 1}`);
      const began = performance.now();
      const cli = await new Cli(['--output', 'none']).ready();
      times.push(performance.now() - began);
      await cli.stop();
    }
    return [plain('start.attached', median(times), 'ms')];
  },
};
