// SPDX-License-Identifier: Apache-2.0

/** One row of the table, one line of `--json`. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it is compared with, in words with its own figure; null = nothing. */
  readonly against: string | null;
  /** `against` / `value`: above 1 is better than what it is compared with. */
  readonly ratio: number | null;
}

/** A figure that stands alone. */
export function plain(name: string, value: number, unit: string): Figure {
  return { name, value, unit, against: null, ratio: null };
}

/** A figure beside another of the same unit: `label` says whose that is. */
export function beside(
  name: string,
  value: number,
  unit: string,
  other: number,
  label: string,
  ratio = other / value,
): Figure {
  return { name, value, unit, against: `${short(other)} ${unit}: ${label}`, ratio };
}

/** What a part needs to know. */
export interface BenchOptions {
  /** Seconds instead of minutes: shows that everything runs, not how fast. */
  readonly quick: boolean;
  /** One line about what is being measured. */
  progress(text: string): void;
}

/** One word of `--only`. */
export interface Part {
  readonly name: string;
  readonly needsRoot: boolean;
  run(options: BenchOptions): Promise<readonly Figure[]>;
}

/** The middle of the values; with an even number of them the upper one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** A number with as many digits as it deserves: 24.1, 0.85, 301,000. */
export function short(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}

/** The table of `npm run bench`. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((f) => [
    f.name,
    short(f.value),
    f.unit,
    f.ratio === null ? '' : `x${short(f.ratio)}`,
    f.against ?? '',
  ]);
  const all = [['figure', 'value', 'unit', 'ratio', 'against'], ...rows];
  const width = (column: number) => Math.max(...all.map((row) => row[column]!.length));
  const widths = [0, 1, 2, 3].map(width);
  return all
    .map((row) =>
      row
        .map((cell, i) => (i === 1 || i === 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
