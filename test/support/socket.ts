// SPDX-License-Identifier: Apache-2.0
import { errnoName, expectBetween, expectRecord } from './expect.ts';
import { skip } from './triggers.ts';
import { pidOf, type Truth } from './truth.ts';
import type { Watch, WatchedRecord } from './watch.ts';

/** One connect, as test/kernel/triggers/network-socket.c tells it. */
export interface SocketDeed extends Truth {
  readonly transport: 'unix' | 'raw' | 'netlink' | 'vsock';
  readonly type: string;
  /** As it is to be told. */
  readonly peer: string;
  readonly port: number;
  readonly protocol: number;
  readonly result: number;
  readonly before: string;
  readonly after: string;
}

const CONNECT = 'agentsmith.network.socket.connect';

/** Runs a way of the trigger; skips what this kernel cannot. */
export async function socketDeeds(
  context: Mocha.Context,
  watch: Watch,
  way: string,
  folder: string,
): Promise<{ deeds: readonly SocketDeed[]; records: readonly WatchedRecord[] }> {
  watch.requires(context, CONNECT);
  const deeds = await watch.lines<SocketDeed>('network-socket', [way, folder]);
  const reason = deeds.find((deed) => deed.skip !== undefined)?.skip;
  if (reason !== undefined) skip(context, reason);
  return { deeds, records: socketRecords(watch, deeds) };
}

/** All records of the process that did these. */
export function socketRecords(watch: Watch, deeds: readonly SocketDeed[]): readonly WatchedRecord[] {
  return watch.all(CONNECT, (r) => r.attributes['process.pid'] === pidOf(deeds[0]!.proc));
}

function programOf({ transport, type, peer }: SocketDeed): string {
  if (transport === 'unix') return `network_socket_${type === 'datagram' ? 'datagram' : 'stream'}`;
  if (transport === 'raw') return `network_socket_raw${peer.includes(':') ? 6 : 4}`;
  return `network_socket_${transport}`;
}

/** Compares all of a record with what the trigger says. */
export function expectSocket(watch: Watch, record: WatchedRecord, deed: SocketDeed): void {
  const { transport, type, peer, port, protocol } = deed;
  const isA = watch.sensor.tier !== 'B';
  // vsock is a module: tier A knows the attempt alone.
  const error = isA && transport === 'vsock' ? undefined : errnoName(deed.result);
  const callers = !isA && (deed.result !== 0 || transport === 'vsock');
  expectRecord(watch, record, {
    severity: 9,
    program: isA ? programOf(deed) : 'network_socket_exit',
    full: false,
    own: {
      'network.transport': transport,
      'network.type': transport === 'raw' ? (peer.includes(':') ? 'ipv6' : 'ipv4') : undefined,
      'network.peer.address': peer,
      'network.peer.port': port || undefined,
      'agentsmith.network.socket.type': type,
      'agentsmith.network.socket.protocol': protocol || undefined,
      'error.type': error,
      'agentsmith.unverified': callers ? ['network.peer.address'] : undefined,
    },
    body: `${transport} → ${transport === 'raw' && peer.includes(':') ? `[${peer}]` : peer}${error ? ` ${error}` : ''}`,
    proc: deed.proc,
  });
  expectBetween(watch, record, deed.before, deed.after);
}
