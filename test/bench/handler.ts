// SPDX-License-Identifier: Apache-2.0
import { closeSync } from 'node:fs';
import { loadNative } from '../../src/sensor/native.ts';
import { beside, type Figure, median, type Part, plain } from './figures.ts';
import { attachAll, measured } from './kernel.ts';
import { runProgram } from './programs.ts';

/** ns of the original's handlers on its authors' machine (Linux 3.10): an orientation, not a comparison. */
const ORIGINAL = { exec: 10_400, connect: 7500 };
const LABEL = 'the original, other machine';
/** A connection is connect4, every change of its state on both ends, and the release of both sockets. */
const CONNECT = ['network_connect4', 'network_connect_state', 'network_connect_release'];

/** Time in the kernel programs, by BPF_ENABLE_STATS, which itself adds about 20 ns to each run. */
export const handler: Part = {
  name: 'handler',
  needsRoot: true,
  async run({ quick, progress }) {
    const stats = loadNative().enableStats();
    const sensor = attachAll();
    // A tail call counts as its caller's time, and with it what other system calls cost meanwhile.
    const ptrace = sensor.tier === 'A' ? 'process_ptrace_native' : 'syscall_exit';
    const rounds = quick ? 1 : 7;
    const count = quick ? 200 : 2000;
    const found: Record<'exec' | 'exit' | 'fork' | 'connect' | 'ptrace', number[]> = {
      exec: [],
      exit: [],
      fork: [],
      connect: [],
      ptrace: [],
    };
    try {
      sensor.start(() => {});
      await runProgram('storm', 'exec', count); // warm: page cache, branch predictors, the JIT of the programs
      for (let round = 0; round < rounds; round++) {
        progress(`handler: round ${round + 1} of ${rounds}`);
        const processes = await measured(sensor, () => runProgram('storm', 'exec', count));
        for (const event of ['exec', 'exit', 'fork'] as const) {
          const { runs, nanoseconds } = processes(`process_${event}`);
          found[event].push(nanoseconds / runs);
        }
        const sockets = await measured(sensor, () => runProgram('storm', 'tcp', count));
        const total = CONNECT.reduce((sum, program) => sum + sockets(program).nanoseconds, 0);
        found.connect.push(total / sockets('network_connect4').runs);
        const pokes = await measured(sensor, () => runProgram('storm', 'ptrace', 10 * count));
        found.ptrace.push(pokes(ptrace).nanoseconds / (10 * count));
      }
    } finally {
      await sensor.stop();
      closeSync(stats);
    }
    return [
      beside('handler.exec', median(found.exec), 'ns', ORIGINAL.exec, LABEL),
      beside('handler.connect', median(found.connect), 'ns', ORIGINAL.connect, LABEL),
      plain('handler.exit', median(found.exit), 'ns'),
      plain('handler.fork', median(found.fork), 'ns'),
      plain('handler.ptrace', median(found.ptrace), 'ns'),
    ] satisfies Figure[];
  },
};
