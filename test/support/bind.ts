// SPDX-License-Identifier: Apache-2.0
import type { Endpoint } from './connect.ts';
import { errnoName, expectBetween, expectRecord } from './expect.ts';
import { skip } from './triggers.ts';
import type { Truth } from './truth.ts';
import type { Watch, WatchedRecord } from './watch.ts';

/** One bind, as test/kernel/triggers/network-bind.c tells it. */
export interface Bind extends Truth {
  /** 0 or -errno. */
  readonly result: number;
  /** What the socket has; of one that failed what was asked for. */
  readonly local: Endpoint;
  readonly before: string;
  readonly after: string;
}

const BIND = 'agentsmith.network.bind';

/** Runs a trigger of binds; skips what this kernel cannot. */
export async function binds(
  context: Mocha.Context,
  watch: Watch,
  ...args: readonly string[]
): Promise<Bind[]> {
  watch.requires(context, BIND);
  const lines = await watch.lines<Bind>('network-bind', args);
  const reason = lines.find((line) => line.skip !== undefined)?.skip;
  return reason === undefined ? lines : skip(context, reason);
}

/** All binds of a process, in their order. */
export function bindsOf(watch: Watch, pid: number): WatchedRecord[] {
  return watch.all(BIND, (record) => record.attributes['process.pid'] === pid);
}

/** Compares all of a bind record with what the trigger says. */
export function expectBind(
  watch: Watch,
  record: WatchedRecord,
  bind: Bind,
  transport: 'tcp' | 'udp' = 'tcp',
): void {
  const address = bind.local.address.replace(/^::ffff:/, '');
  const isV6 = address.includes(':');
  const error = bind.result === 0 ? undefined : errnoName(bind.result);
  const shown = isV6 ? `[${address}]` : address;
  expectRecord(watch, record, {
    dataType: 49,
    severity: 9,
    program: error
      ? 'network_bind_exit'
      : isV6 || bind.local.address !== address
        ? 'network_bind6'
        : 'network_bind4',
    full: false,
    own: {
      'network.transport': transport,
      'network.type': isV6 ? 'ipv6' : 'ipv4',
      'network.local.address': address,
      'network.local.port': bind.local.port,
      'error.type': error,
      'agentsmith.network.mapped': address === bind.local.address ? undefined : true,
      'agentsmith.unverified': error && ['network.local.address', 'network.local.port'],
    },
    body: `${shown}:${bind.local.port} ${transport}${error ? ` ${error}` : ''}`,
    proc: bind.proc,
  });
  expectBetween(watch, record, bind.before, bind.after);
}
