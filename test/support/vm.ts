// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { repository } from './repository.ts';

export interface VmOptions {
  /** For the guest, from power-on to power-off; fetching a kernel that is not in the cache comes on top. */
  readonly timeoutMs?: number;
  /** Appended to the guest kernel's command line. */
  readonly kernelArguments?: readonly string[];
  /** One CPU, on which each instruction takes a nanosecond: times in the guest are counts of instructions. */
  readonly countsInstructions?: boolean;
}

export interface VmResult {
  /** What this machine lacks, in one line; then nothing has run. */
  readonly skipped?: string;
  /** The command's; 124 when it took too long, 125 when the kernel died. */
  readonly code: number;
  /** All that the command printed. */
  readonly output: string;
  /** The runner's verdict and, of a failure, the end of the console and the command to repeat it. */
  readonly log: string;
}

const FETCH_LIMIT_MS = 5 * 60_000;

/**
 * Runs a shell command in a stock kernel of a series ("6.1"), in the root of the checkout, as root, on the
 * files of this machine; what it writes is gone afterwards. See test/vm/run.sh.
 */
export async function runInVm(series: string, command: string, options: VmOptions = {}): Promise<VmResult> {
  const timeoutMs = options.timeoutMs ?? 300_000;
  const args = ['run', series, command, ...(options.kernelArguments ?? [])];
  const runner = spawn(join(repository, 'test/vm/run.sh'), args, {
    cwd: repository,
    env: {
      ...process.env,
      VM_TIMEOUT: String(Math.ceil(timeoutMs / 1000)),
      VM_INSTRUCTIONS: options.countsInstructions ? '1' : '',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // It takes QEMU and virtiofsd along when it is told to end.
  const stop = () => runner.kill('SIGTERM');
  const limit = setTimeout(stop, timeoutMs + FETCH_LIMIT_MS);
  process.once('exit', stop);
  try {
    const ended = new Promise<number>((resolve, reject) => {
      runner.once('error', reject);
      runner.once('close', (code) => resolve(code ?? 124));
    });
    const [output, log, code] = await Promise.all([text(runner.stdout), text(runner.stderr), ended]);
    const skipped = /^SKIP \S+: (.*)$/m.exec(log)?.[1];
    return skipped === undefined ? { code, output, log } : { skipped, code, output, log };
  } finally {
    clearTimeout(limit);
    process.off('exit', stop);
  }
}
