// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './repository.ts';

/** One input for each outcome: with inputs of at most 2 KiB a file stays below a megabyte, most are a tenth of that. */
const OUTCOMES_MAX = 200;
/** Inputs that have failed once are kept for good: there are few. */
const FAILURES_MAX = 100;

/** An input that is worth trying again. */
export interface Kept {
  /** What came of it; absent of one that has failed. */
  readonly outcome?: string;
  /** What was said when it failed. */
  readonly failure?: string;
  readonly input: Buffer;
}

/** Inputs of a target that are worth trying again: the shortest for each outcome, and all that have ever failed. */
export class Corpus {
  /** One line of JSON for each input, its bytes as Latin-1. */
  readonly path: string;
  readonly #outcomes = new Map<string, Kept>();
  readonly #failures = new Map<string, Kept>();

  /** @param target its name */
  constructor(target: string, folder: string = join(repository, 'test/fuzz/corpus')) {
    this.path = join(folder, `${target}.jsonl`);
  }

  /** What its file holds, in order; nothing is offered by that. */
  read(): readonly Kept[] {
    if (!existsSync(this.path)) return [];
    const lines = readFileSync(this.path, 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => {
      const { input, ...rest } = JSON.parse(line) as { input: string };
      return { ...rest, input: Buffer.from(input, 'latin1') };
    });
  }

  /** Inputs with an outcome. */
  get inputs(): readonly Buffer[] {
    return [...this.#outcomes.values()].map(({ input }) => input);
  }

  /** Whether the input was kept: its outcome is new, or it is shorter than the one that was there. */
  offer(outcome: string, input: Buffer): boolean {
    const known = this.#outcomes.get(outcome);
    if (known === undefined ? this.#outcomes.size >= OUTCOMES_MAX : known.input.length <= input.length)
      return false;
    this.#outcomes.set(outcome, { outcome, input: Buffer.from(input) });
    return true;
  }

  /** Keeps an input that failed, for good. */
  fail(failure: string, input: Buffer): void {
    if (this.#failures.size < FAILURES_MAX)
      this.#failures.set(failure, { failure, input: Buffer.from(input) });
  }

  /** Writes its file, sorted, so that two runs differ in what they found. */
  write(): void {
    const outcomes = [...this.#outcomes.values()].sort((a, b) => (a.outcome! < b.outcome! ? -1 : 1));
    const lines = [...this.#failures.values(), ...outcomes].map((kept) =>
      JSON.stringify({ ...kept, input: kept.input.toString('latin1') }),
    );
    writeFileSync(`${this.path}.new`, lines.map((line) => `${line}\n`).join(''));
    renameSync(`${this.path}.new`, this.path);
  }
}
