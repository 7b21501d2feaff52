// SPDX-License-Identifier: Apache-2.0
import { type FilterRule, parseNetwork, pathPattern } from '../config/filters.ts';
import { FilterKind, fileKey, networkKey, PathRuleKind, pathRule, verdict } from '../decode/layout.gen.ts';

/** What stands in the maps of ebpf/lib/filter.h: by map, entries by their key in hex. */
export type FilterMaps = ReadonlyMap<
  string,
  ReadonlyMap<string, { readonly key: Buffer; readonly value: Buffer }>
>;

/** The maps and the globals that a set of rules makes. */
export interface CompiledFilters {
  readonly maps: FilterMaps;
  /** enum filter_kind */
  readonly kinds: number;
  readonly pathRules: number;
  /** Bits of event types with a keep rule. */
  readonly keptEvents: bigint;
  /** Values that mean nothing on this machine now; the rule waits for them. */
  readonly unresolved: readonly string[];
}

/** What rules mean on this machine; `undefined` = nothing now. */
export interface FilterLookups {
  /** Device and inode of the file that runs. */
  file(path: string): { readonly device: number; readonly inode: bigint } | undefined;
  /** Id of a control group by its path below the root. */
  cgroup(path: string): bigint | undefined;
  /** enum event_type of an event's name. */
  type(event: string): number;
}

interface Bits {
  drop: bigint;
  keep: bigint;
}

/** In the order of ebpf/filters.h. */
export const FILTER_MAPS = {
  uid: 'filter_uids',
  cgroup: 'filter_cgroups',
  executable: 'filter_executables',
  destination: 'filter_networks',
  path: 'filter_paths',
} as const;

const KINDS = {
  uid: FilterKind.UID,
  cgroup: FilterKind.CGROUP,
  executable: FilterKind.EXECUTABLE,
  destination: FilterKind.NETWORK,
  path: FilterKind.PATH,
} as const;

/** As many as the kernel compares one by one (PATH_RULES of ebpf/filters.h). */
export const PATH_RULES_MAX = 16;

/**
 * Turns rules into map entries: rules with the same key become one. A network's entry holds what all networks around it
 * say too, because the kernel finds only the longest.
 *
 * @throws RangeError for more path rules than the kernel has room for
 */
export function compileFilters(rules: readonly FilterRule[], lookups: FilterLookups): CompiledFilters {
  const maps = new Map<string, Map<string, { key: Buffer; value: Buffer }>>();
  const bits = new Map<string, Bits>();
  const keys = new Map<string, { rule: FilterRule; key: Buffer }>();
  const unresolved: string[] = [];
  let kinds = 0;
  let keptEvents = 0n;
  for (const rule of rules) {
    const mask = rule.events.reduce((all, name) => all | (1n << BigInt(lookups.type(name))), 0n);
    // Also of a rule that waits: what it keeps is not seen yet, and nothing else is.
    if (rule.action === 'keep') keptEvents |= mask;
    const key = keyOf(rule, lookups);
    if (key === undefined) {
      unresolved.push(`${rule.subject}=${rule.value}`);
      continue;
    }
    kinds |= KINDS[rule.subject];
    const id = `${rule.subject} ${key.toString('hex')}`;
    keys.set(id, { rule, key });
    const both = bits.get(id) ?? { drop: 0n, keep: 0n };
    both[rule.action] |= mask;
    bits.set(id, both);
  }
  let pathRules = 0;
  for (const [id, { rule, key }] of keys) {
    const name = FILTER_MAPS[rule.subject];
    const entries = maps.get(name) ?? new Map();
    maps.set(name, entries);
    if (rule.subject === 'path') {
      if (pathRules === PATH_RULES_MAX) throw new RangeError(`more than ${PATH_RULES_MAX} filters by path`);
      const index = Buffer.alloc(4);
      index.writeUInt32LE(pathRules++);
      entries.set(index.toString('hex'), { key: index, value: pathValue(rule.value, bits.get(id)!) });
      continue;
    }
    const covering = [...keys].filter(
      ([, other]) =>
        rule.subject === 'destination' && other.rule.subject === 'destination' && covers(other.key, key),
    );
    const all = [bits.get(id)!, ...covering.map(([other]) => bits.get(other)!)];
    entries.set(key.toString('hex'), {
      key,
      value: verdictBytes({
        drop: all.reduce((mask, { drop }) => mask | drop, 0n),
        keep: all.reduce((mask, { keep }) => mask | keep, 0n),
      }),
    });
  }
  return { maps, kinds, pathRules, keptEvents, unresolved };
}

function keyOf({ subject, value }: FilterRule, lookups: FilterLookups): Buffer | undefined {
  switch (subject) {
    case 'uid': {
      const key = Buffer.alloc(4);
      key.writeUInt32LE(Number(value));
      return key;
    }
    case 'cgroup': {
      const id = value.startsWith('/') ? lookups.cgroup(value) : BigInt(value);
      if (id === undefined) return undefined;
      const key = Buffer.alloc(8);
      key.writeBigUInt64LE(id);
      return key;
    }
    case 'executable': {
      const file = lookups.file(value);
      if (file === undefined) return undefined;
      const key = Buffer.alloc(fileKey.SIZE);
      key.writeBigUInt64LE(file.inode, fileKey.inode.offset);
      key.writeUInt32LE(file.device, fileKey.device.offset);
      return key;
    }
    case 'destination': {
      const { address, bits } = parseNetwork(value);
      const key = Buffer.alloc(networkKey.SIZE);
      key.writeUInt32LE(bits, networkKey.prefix.offset);
      address.copy(key, networkKey.address.offset);
      return key;
    }
    case 'path':
      return Buffer.from(value);
  }
}

/** Whether network `a` holds all of `b`; both as struct network_key. */
function covers(a: Buffer, b: Buffer): boolean {
  const [bits, others] = [a.readUInt32LE(networkKey.prefix.offset), b.readUInt32LE(networkKey.prefix.offset)];
  if (bits >= others) return false;
  for (let bit = 0; bit < bits; bit += 8) {
    const at = networkKey.address.offset + bit / 8;
    const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
    if ((a[at]! & mask) !== (b[at]! & mask)) return false;
  }
  return true;
}

function verdictBytes({ drop, keep }: Bits): Buffer {
  const value = Buffer.alloc(verdict.SIZE);
  value.writeBigUInt64LE(drop, verdict.drop.offset);
  value.writeBigUInt64LE(keep, verdict.keep.offset);
  return value;
}

const PATH_KINDS = { below: PathRuleKind.BELOW, leaf: PathRuleKind.LEAF, exact: PathRuleKind.EXACT } as const;

function pathValue(path: string, { drop, keep }: Bits): Buffer {
  const { kind, text } = pathPattern(path);
  const value = Buffer.alloc(pathRule.SIZE);
  // The words end where the text ends.
  const room = pathRule.mask.offset - pathRule.bytes.offset;
  text.copy(value, pathRule.bytes.offset + room - text.length);
  value.fill(0xff, pathRule.mask.offset + room - text.length, pathRule.mask.offset + room);
  value.writeBigUInt64LE(drop, pathRule.verdict.drop.offset);
  value.writeBigUInt64LE(keep, pathRule.verdict.keep.offset);
  value.writeUInt32LE(PATH_KINDS[kind], pathRule.kind.offset);
  value.writeUInt32LE(text.length, pathRule.length.offset);
  return value;
}
