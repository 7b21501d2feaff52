// SPDX-License-Identifier: Apache-2.0
import type { Corpus } from './corpus.ts';
import { INPUT_MAX, mutate } from './mutate.ts';
import { Random } from './random.ts';

/** Something that takes bytes from outside. */
export interface Target {
  /** Also that of its corpus. */
  readonly name: string;
  /** How many of ten million inputs it gets: the more, the faster it is. */
  readonly share: number;
  /** Inputs to begin with: good ones. */
  seeds(): readonly Buffer[];
  /** Words of its language, put in here and there. */
  readonly tokens?: readonly Buffer[];
  /** Puts right what would keep changes from being looked at (checksums), in place. */
  repair?(input: Buffer, random: Random): void;
  /**
   * Takes the input. Returns in a word or two what came of it: one input for each such outcome is kept.
   * @throws when something is wrong that must not be
   */
  run(input: Buffer): string;
}

/** An input that failed. */
export interface Finding {
  readonly message: string;
  readonly input: Buffer;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly outcomes: number;
  /** Inputs that were added to the corpus, or are shorter than those they replaced. */
  readonly kept: number;
  readonly findings: readonly Finding[];
}

/** More of them say the same. */
const FINDINGS_MAX = 10;

/**
 * Tries what the corpus holds, the seeds, and `inputs` changed ones. What leads somewhere new is changed further, and
 * offered to the corpus, which the caller may write.
 */
export function fuzzTarget(target: Target, corpus: Corpus, inputs: number, seed: number): FuzzResult {
  const random = new Random(seed);
  const findings = new Map<string, Finding>();
  const begin = [...target.seeds()].map((input) => input.subarray(0, INPUT_MAX));
  let kept = 0;
  const attempt = (input: Buffer): boolean => {
    // What the target writes into its input is not what was tried.
    const given = Buffer.from(input);
    try {
      return corpus.offer(target.run(given), input);
    } catch (error) {
      findings.set(whereOf(error as Error), { message: (error as Error).message, input });
      corpus.fail(firstLine(error as Error), input);
      return false;
    }
  };
  for (const { failure, input } of corpus.read()) {
    if (failure !== undefined) corpus.fail(failure, input);
    attempt(input);
  }
  for (const input of begin) attempt(input);
  let pool = [...begin, ...corpus.inputs];
  for (let i = 0; i < inputs && findings.size < FINDINGS_MAX; i++) {
    const input = mutate(random.of(pool), random, pool, target.tokens ?? []);
    if (random.below(4) > 0) target.repair?.(input, random);
    if (!attempt(input)) continue;
    kept++;
    pool = [...begin, ...corpus.inputs];
  }
  return { inputs, outcomes: corpus.inputs.length, kept, findings: [...findings.values()] };
}

const firstLine = ({ message }: Error) => message.split('\n')[0]!.slice(0, 200);

/** The same place is the same mistake, whatever the message says of the input. */
const whereOf = (error: Error) => /^\s+at .*$/m.exec(error.stack ?? '')?.[0] ?? error.message;
