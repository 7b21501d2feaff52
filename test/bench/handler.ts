// SPDX-License-Identifier: Apache-2.0
import { closeSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LiveSensor } from '../../src/sensor/live.ts';
import { loadNative } from '../../src/sensor/native.ts';
import { beside, type Figure, median, type Part, plain } from './figures.ts';
import { attachAll, measured } from './kernel.ts';
import { runProgram } from './programs.ts';

/** ns of the original's handlers on its authors' machine (Linux 3.10): an orientation, not a comparison. */
const ORIGINAL = { exec: 10_400, connect: 7500, dns: 9200 };
const LABEL = 'the original, other machine';
/** A connection is connect4, every change of its state on both ends, and the release of both sockets. */
const CONNECT = ['network_connect4', 'network_connect_state', 'network_connect_release'];

/** Of a datagram that names its address: where it leaves, and where somebody asks whose it is. */
const DATAGRAM = ['network_connect_send4', 'network_connect_receive4'];

/** On tier A: what an open that makes its file passes. */
const CREATE = ['file_open', 'file_mknod_begin'];

/** In memory: what a file system on disk does to make a file leaves other caches behind in each run (seen: 1.2 to 2.7 µs). */
const MEMORY = '/dev/shm';

/** ns for each file that is made. On tier B they are in those of `syscall_exit`, less what other system calls cost it. */
async function fileHandler(sensor: LiveSensor, count: number): Promise<number> {
  const directory = mkdtempSync(join(MEMORY, 'agentsmith-bench-'));
  try {
    const files = () => runProgram('storm', 'file', count, directory);
    if (sensor.tier === 'A') {
      const work = await measured(sensor, files);
      return CREATE.reduce((sum, program) => sum + work(program).nanoseconds, 0) / count;
    }
    const idle = (await measured(sensor, () => runProgram('storm', 'idle', count * 10)))('syscall_exit');
    const made = (await measured(sensor, files))('syscall_exit');
    return (made.nanoseconds - (made.runs - count) * (idle.nanoseconds / idle.runs)) / count;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

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
    const found: Record<
      'exec' | 'exit' | 'fork' | 'connect' | 'call' | 'datagram' | 'dns' | 'foreign' | 'ptrace' | 'file',
      number[]
    > = {
      exec: [],
      exit: [],
      fork: [],
      connect: [],
      call: [],
      datagram: [],
      dns: [],
      foreign: [],
      ptrace: [],
      file: [],
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
        const call = sockets('network_connect4');
        found.connect.push(total / call.runs);
        found.call.push(call.nanoseconds / call.runs);
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
        // Nearly each goes where one went before: what a stream of datagrams pays at both of its ends.
        const ends = DATAGRAM.reduce((sum, program) => sum + packets(program).nanoseconds, 0);
        found.datagram.push(ends / (2 * count));
        const pokes = await measured(sensor, () => runProgram('storm', 'ptrace', 10 * count));
        found.ptrace.push(pokes(ptrace).nanoseconds / (10 * count));
        found.file.push(await fileHandler(sensor, count));
      }
    } finally {
      await sensor.stop();
      closeSync(stats);
    }
    return [
      beside('handler.exec', median(found.exec), 'ns', ORIGINAL.exec, LABEL),
      beside('handler.connect', median(found.connect), 'ns', ORIGINAL.connect, LABEL),
      plain('handler.connect.call', median(found.call), 'ns'),
      beside('handler.dns', median(found.dns), 'ns', ORIGINAL.dns, LABEL),
      plain('handler.datagram', median(found.datagram), 'ns'),
      plain('handler.packet', median(found.foreign), 'ns'),
      plain('handler.file', median(found.file), 'ns'),
      plain('handler.exit', median(found.exit), 'ns'),
      plain('handler.fork', median(found.fork), 'ns'),
      plain('handler.ptrace', median(found.ptrace), 'ns'),
    ] satisfies Figure[];
  },
};
