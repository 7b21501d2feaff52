// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { expectBetween, expectRecord } from './expect.ts';
import type { Tier } from './tiers.ts';
import { skip } from './triggers.ts';
import { executable, pidOf, type Truth } from './truth.ts';
import type { Watch, WatchedRecord } from './watch.ts';

/** What a trigger did to another process (done in test/kernel/triggers/process-ptrace.c). */
export interface Deed extends Truth {
  readonly request: string;
  readonly code?: number;
  readonly address?: string;
  readonly data?: string;
  /** In the host's pid namespace; absent where nobody can know it. */
  readonly target?: number;
  /** The link /proc/TARGET/exe; absent where there is no such process. */
  readonly exe?: string;
  /** 0 or -errno. */
  readonly result: number;
  readonly before: string;
  readonly after: string;
}

const PTRACE = 'agentsmith.process.ptrace';
const NAMES: Readonly<Record<string, string>> = {
  process_vm_readv: 'readv',
  process_vm_writev: 'writev',
  pidfd_getfd: 'getfd',
};

/** The program that sees such a deed. */
function programOf({ request }: Deed, tier: Tier, abi: 'native' | 'compat'): string {
  if (request === 'proc_mem_write') return tier === 'A' ? 'process_memory_open' : 'process_memory_exit';
  return tier === 'A' ? `process_${NAMES[request] ?? 'ptrace'}_${abi}` : 'process_ptrace_exit';
}

/** The errno's name of a result; undefined of 0. */
export function errnoName(result: number): string | undefined {
  const named = { ...constants.errno, ENOKEY: 126, EKEYREJECTED: 129 };
  return Object.entries(named).find(([, number]) => number === -result)?.[0];
}

/** Runs a way of the trigger; the deeds and as many records, one for each and in the same order. */
export async function deeds(
  context: Mocha.Context,
  watch: Watch,
  ...args: string[]
): Promise<[Deed, WatchedRecord][]> {
  watch.requires(context, PTRACE);
  const lines = await watch.lines<Deed>('process-ptrace', args);
  const reason = lines.find((line) => line.skip !== undefined)?.skip;
  if (reason !== undefined) return skip(context, reason);
  const pids = new Set(lines.map(({ proc }) => pidOf(proc)));
  const records = watch.all(PTRACE, (r) => pids.has(r.attributes['process.pid'] as number));
  assert.deepEqual(
    records.map((r) => r.attributes['agentsmith.ptrace.request']),
    lines.map(({ request }) => request),
  );
  return lines.map((line, i) => [line, records[i]!]);
}

/** Compares all of a record with what the trigger says. */
export function expectDeed(
  watch: Watch,
  record: WatchedRecord,
  deed: Deed,
  tier: Tier,
  abi: 'native' | 'compat' = 'native',
): void {
  const error = errnoName(deed.result);
  const path = deed.exe === undefined ? undefined : executable(deed.exe)['process.executable.path'];
  const shown = [deed.request, deed.target, error].filter((part) => part !== undefined);
  expectRecord(watch, record, {
    dataType: 101,
    severity: deed.request === 'PTRACE_TRACEME' ? 9 : 13,
    program: programOf(deed, tier, abi),
    full: false,
    lean: false,
    own: {
      'agentsmith.ptrace.request': deed.request,
      'agentsmith.ptrace.request_code': deed.code,
      'agentsmith.ptrace.address': deed.address,
      'agentsmith.ptrace.data': deed.data,
      'agentsmith.ptrace.target.pid': deed.target,
      'agentsmith.ptrace.target.executable.path': path,
      'error.type': error,
    },
    body: shown.join(' '),
    proc: deed.proc,
  });
  expectBetween(watch, record, deed.before, deed.after);
}
