// SPDX-License-Identifier: Apache-2.0
import type { Course } from '../support/chaos-outcomes.ts';

/** A straight line through points: y for each x, and the standard error of that. */
export interface Line {
  readonly slope: number;
  readonly error: number;
}

/** Points that follow each other closely say the same twice: they are taken together, so many groups of them. */
const GROUPS = 30;

/** Growth of the mean an hour, above which memory is not flat: a day would add a tenth. */
const FLAT = 0.005;

/** Least squares through the medians of groups of neighbours. */
export function line(points: readonly (readonly [x: number, y: number])[]): Line {
  const size = Math.max(1, Math.floor(points.length / GROUPS));
  const groups: [number, number][] = [];
  for (let at = 0; at + size <= points.length; at += size) {
    const group = points.slice(at, at + size);
    const ys = group.map(([, y]) => y).sort((a, b) => a - b);
    groups.push([group.reduce((sum, [x]) => sum + x, 0) / size, ys[size >> 1]!]);
  }
  const n = groups.length;
  if (n < 3) throw new RangeError('too few points for a line');
  const mean = (of: 0 | 1) => groups.reduce((sum, point) => sum + point[of], 0) / n;
  const [mx, my] = [mean(0), mean(1)];
  const sum = (of: (dx: number, dy: number) => number) =>
    groups.reduce((all, [x, y]) => all + of(x - mx, y - my), 0);
  const xx = sum((dx) => dx * dx);
  const slope = sum((dx, dy) => dx * dy) / xx;
  const rest = sum((dx, dy) => (dy - slope * dx) ** 2);
  return { slope, error: Math.sqrt(rest / (n - 2) / xx) };
}

/** @param points minutes, MiB */
export function course(points: readonly (readonly [x: number, y: number])[]): Course {
  const sizes = points.map(([, size]) => size);
  const { slope, error } = line(points);
  return { least: Math.min(...sizes), most: Math.max(...sizes), growth: slope * 60, error: error * 60 };
}

/** Whether what was measured stays: it grows by {@link FLAT} an hour at most, or by no more than chance (two standard errors). */
export function isFlat({ least, most, growth, error }: Course): boolean {
  return growth <= (FLAT * (least + most)) / 2 || growth <= 2 * error;
}
