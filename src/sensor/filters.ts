// SPDX-License-Identifier: Apache-2.0
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { FilterRule } from '../config/filters.ts';
import { fileKey } from './file-key.ts';
import { type CompiledFilters, compileFilters, FILTER_MAPS, type FilterLookups } from './filter-maps.ts';
import type { NativeSensor } from './native.ts';

/** The part of the addon that filters need. */
export type FilterTarget = Pick<NativeSensor, 'set' | 'update' | 'delete'>;

const NONE: CompiledFilters = { maps: new Map(), kinds: 0, pathRules: 0, keptEvents: 0n, unresolved: [] };

function stat(path: string): { readonly dev: bigint; readonly ino: bigint } | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

/** This machine's files and control groups. */
export function filterLookups(
  types: ReadonlyMap<string, number>,
  cgroupMount: string | undefined,
): FilterLookups {
  return {
    file: (path) => attempt(() => fileKey(path)),
    cgroup: (path) =>
      cgroupMount === undefined ? undefined : attempt(() => stat(join(cgroupMount, path)))?.ino,
    type: (event) => types.get(event)!,
  };
}

/** A path that may not be looked at is as good as none. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Keeps the kernel's filter maps as the rules are, also when files and control groups are replaced. */
export class KernelFilters {
  readonly #target: FilterTarget;
  readonly #lookups: FilterLookups;
  #rules: readonly FilterRule[] = [];
  #applied: readonly FilterRule[] | undefined;
  #now: CompiledFilters = NONE;

  constructor(target: FilterTarget, lookups: FilterLookups) {
    this.#target = target;
    this.#lookups = lookups;
  }

  /** Values of rules that mean nothing on this machine now. */
  get unresolved(): readonly string[] {
    return this.#now.unresolved;
  }

  /**
   * From now on these rules hold, and `perSecond` frequent events a process (0 = no limit).
   *
   * @throws RangeError for more path rules than there is room for
   */
  set(rules: readonly FilterRule[], perSecond: number): void {
    this.#rules = rules;
    this.refresh();
    this.#target.set('rate_interval', perSecond > 0 ? BigInt(Math.max(1, Math.round(1e9 / perSecond))) : 0n);
  }

  /** Looks again at what the rules mean. To be called now and then: an upgraded program is another file. */
  refresh(): void {
    const isFixed = this.#rules.every(({ subject }) => subject !== 'executable' && subject !== 'cgroup');
    if (isFixed && this.#rules === this.#applied) return;
    this.#applied = this.#rules;
    const next = compileFilters(this.#rules, this.#lookups);
    for (const map of Object.values(FILTER_MAPS)) {
      const [before, after] = [this.#now.maps.get(map), next.maps.get(map)];
      for (const [id, { key, value }] of after ?? [])
        if (!before?.get(id)?.value.equals(value)) this.#target.update(map, key, value);
    }
    this.#target.set('path_rules', BigInt(next.pathRules));
    this.#target.set('kept_events', next.keptEvents);
    this.#target.set('filters', BigInt(next.kinds));
    // Last, so that what stays is never without its rule; entries of the array stay and are not looked at.
    for (const map of Object.values(FILTER_MAPS)) {
      if (map === FILTER_MAPS.path) continue;
      for (const [id, { key }] of this.#now.maps.get(map) ?? [])
        if (!next.maps.get(map)?.has(id)) this.#target.delete(map, key);
    }
    this.#now = next;
  }
}
