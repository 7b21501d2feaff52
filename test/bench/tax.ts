// SPDX-License-Identifier: Apache-2.0
import { beside, median, type Part } from './figures.ts';
import { attachAll } from './kernel.ts';
import { runProgram } from './programs.ts';

/** What an unrelated system call costs with everything attached, against nothing attached, in turns. */
export const tax: Part = {
  name: 'tax',
  needsRoot: true,
  async run({ quick, progress }) {
    const attached: number[] = [];
    const nothing: number[] = [];
    const rounds = quick ? 1 : 9;
    const calls = quick ? 10 : 100;
    for (let round = 0; round < rounds; round++) {
      progress(`tax: round ${round + 1} of ${rounds}`);
      nothing.push(await runProgram('getpid', calls));
      const sensor = attachAll();
      sensor.start(() => {});
      try {
        attached.push(await runProgram('getpid', calls));
      } finally {
        await sensor.stop();
      }
    }
    const ratio = median(attached.map((value, i) => nothing[i]! / value));
    return [
      beside('tax.getpid', median(attached), 'ns', median(nothing), 'nothing attached, in turns', ratio),
    ];
  },
};
