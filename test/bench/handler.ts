// SPDX-License-Identifier: Apache-2.0
import { closeSync } from 'node:fs';
import { loadNative } from '../../src/sensor/native.ts';
import { beside, type Figure, median, type Part, plain } from './figures.ts';
import { attachAll, measured } from './kernel.ts';
import { runProgram } from './programs.ts';

/** ns of the original's handlers on its authors' machine (Linux 3.10): an orientation, not a comparison. */
const ORIGINAL = { exec: 10_400, connect: 7500, dns: 9200 };
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
    const found: Record<'exec' | 'exit' | 'fork' | 'connect' | 'dns' | 'foreign' | 'ptrace', number[]> = {
      exec: [],
      exit: [],
      fork: [],
      connect: [],
      dns: [],
      foreign: [],
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
        // Of a query and its answer every end sees both; the two of the resolver cost what a foreign packet does.
        const messages = await measured(sensor, () => runProgram('storm', 'dns', count));
        const packets = await measured(sensor, () => runProgram('storm', 'packets', count));
        const both = (work: typeof packets) => {
          const [out, back] = [work('dns_egress'), work('dns_ingress')];
          return { runs: out.runs + back.runs, nanoseconds: out.nanoseconds + back.nanoseconds };
        };
        const foreign = both(packets).nanoseconds / both(packets).runs;
        const { runs, nanoseconds } = both(messages);
        found.dns.push((nanoseconds - (runs - 2 * count) * foreign) / (2 * count));
        found.foreign.push(foreign);
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
      beside('handler.dns', median(found.dns), 'ns', ORIGINAL.dns, LABEL),
      plain('handler.packet', median(found.foreign), 'ns'),
      plain('handler.exit', median(found.exit), 'ns'),
      plain('handler.fork', median(found.fork), 'ns'),
      plain('handler.ptrace', median(found.ptrace), 'ns'),
    ] satisfies Figure[];
  },
};
