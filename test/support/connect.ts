// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { errnoName, expectBetween, expectRecord } from './expect.ts';
import { skip } from './triggers.ts';
import type { Truth } from './truth.ts';
import type { Attributes, Watch, WatchedRecord } from './watch.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** One attempt to connect, as the trigger that made it tells it (say_attempt in test/kernel/triggers/net.h). */
export interface Attempt extends Truth {
  readonly fd: number;
  /** 0 or -errno, as the program was told. */
  readonly result: number;
  readonly cookie: string;
  readonly peer: Endpoint;
  /** Absent where the program has no way to know. */
  readonly local?: Endpoint;
  /** Boot time in ns around the attempt. */
  readonly before: string;
  readonly after: string;
}

const CONNECT = 'agentsmith.network.connect';

/** Runs a trigger of connections; skips what this kernel cannot. */
export async function attempts(
  context: Mocha.Context,
  watch: Watch,
  trigger: string,
  ...args: string[]
): Promise<Attempt[]> {
  watch.requires(context, CONNECT);
  const lines = await watch.lines<Attempt>(trigger, args);
  const reason = lines.find((line) => line.skip !== undefined)?.skip;
  return reason === undefined ? lines : skip(context, reason);
}

/** All records of a socket. */
export function connectsOf(watch: Watch, attempt: Attempt): WatchedRecord[] {
  return watch.all(CONNECT, (r) => r.attributes['agentsmith.network.connect.id'] === attempt.cookie);
}

/** Waits for the records of a socket: results come in softirq, and some only when the socket is closed. */
export async function connectOf(watch: Watch, attempt: Attempt, count = 1): Promise<WatchedRecord> {
  const found = () => connectsOf(watch, attempt);
  await watch.until(
    `connect ${count} of ${attempt.peer.address}:${attempt.peer.port}`,
    () => found().length >= count,
  );
  return found()[count - 1]!;
}

export interface ConnectExpectation {
  readonly transport?: 'tcp' | 'udp';
  readonly mapped?: boolean;
  /** A datagram without a connect. */
  readonly unconnected?: boolean;
  /** connect(2) or its 32-bit twin was used. */
  readonly fd?: boolean;
  /**
   * `result`: known, and the trigger's. `failed`: only that it failed is known. `none`: neither. `immediate`: the call
   * failed before anything was sent, and how much of it is known depends on the profile. Of UDP all does.
   */
  readonly outcome?: 'result' | 'failed' | 'none' | 'pending' | 'immediate';
  /** The attempt had a beginning and an end that the kernel saw. */
  readonly timed?: boolean;
  /** The program that tells it, where it is not the usual one. */
  readonly program?: string;
  /** The truth of the local end; by default the trigger's. `unknown` = what the kernel chose, `absent` = none. */
  readonly local?: Endpoint | 'unknown' | 'absent' | 'address';
  readonly instead?: Readonly<Record<string, Attributes[string] | undefined>>;
}

/** The address as it is in a record: mapped ones as IPv4. */
const plain = (address: string) => address.replace(/^::ffff:/, '');

/** What sees the end of the call itself: the kernel's function, the exit of the system call, nobody. */
export function endOf(watch: Watch): 'return' | 'exit' | undefined {
  if (watch.hook('network_connect_tcp4')) return 'return';
  return watch.hook('network_connect_exit') ? 'exit' : undefined;
}

/** The expectation with all that depends on the profile. */
function inProfile(watch: Watch, attempt: Attempt, expected: ConnectExpectation): ConnectExpectation {
  const { transport, outcome } = expected;
  if (expected.unconnected) {
    const hook = plain(attempt.peer.address).includes(':') ? '6' : '4';
    return {
      ...expected,
      outcome: 'none',
      timed: false,
      local: 'absent',
      program: `network_connect_send${hook}`,
    };
  }
  const end = endOf(watch);
  const family = plain(attempt.peer.address).includes(':') ? '6' : '4';
  if (transport === 'udp') {
    if (!end) {
      const hook = attempt.peer.address.includes(':') ? '6' : '4';
      return {
        ...expected,
        outcome: 'none',
        timed: false,
        local: 'absent',
        program: `network_connect${hook}`,
      };
    }
    const program = end === 'return' ? `network_connect_udp${family}` : 'network_connect_exit';
    const hasLocal = end === 'return' && attempt.result === 0;
    return { ...expected, outcome: 'result', program, ...(!hasLocal && { local: 'absent' }) };
  }
  if (outcome !== 'immediate')
    return {
      program: outcome === 'pending' ? 'network_connect_pending' : 'network_connect_state',
      ...expected,
    };
  if (!end)
    return {
      program: 'network_connect_release',
      timed: false,
      local: 'absent',
      ...expected,
      outcome: 'failed',
    };
  const program =
    end === 'return' ? `network_connect_tcp${family}` : (expected.program ?? 'network_connect_release');
  return { ...expected, outcome: 'result', timed: true, local: 'absent', program };
}

/** Compares all of a connect record with what the trigger says. */
export function expectConnect(
  watch: Watch,
  record: WatchedRecord,
  attempt: Attempt,
  wanted: ConnectExpectation = {},
): void {
  const expected = inProfile(watch, attempt, wanted);
  const {
    transport = 'tcp',
    outcome = 'result',
    local = attempt.local ?? 'unknown',
    timed = true,
  } = expected;
  const { attributes } = record;
  const told = (name: string) => attributes[name];
  const errno = errnoName(attempt.result);
  const address = plain(attempt.peer.address);
  const error = outcome === 'failed' ? '_OTHER' : outcome === 'result' ? errno : undefined;
  const took = told('agentsmith.network.connect.duration') as number;
  if (timed) {
    assert.ok(took > 0, 'it took no time');
    const limit =
      outcome === 'pending' ? Number.POSITIVE_INFINITY : Number(attempt.after) - Number(attempt.before);
    assert.ok(took * 1e9 <= limit, `${took} s is longer than the trigger measured`);
  }
  if (local === 'unknown') assert.ok((told('network.local.port') as number) > 0);
  const ours = typeof local === 'object' ? local : undefined;
  const chosen = local === 'unknown';
  const own = {
    'network.transport': transport,
    'network.type': address.includes(':') ? 'ipv6' : 'ipv4',
    'network.peer.address': address,
    'network.peer.port': attempt.peer.port,
    'network.local.address': ours
      ? plain(ours.address)
      : local === 'absent'
        ? undefined
        : told('network.local.address'),
    'network.local.port': ours?.port ?? (chosen ? told('network.local.port') : undefined),
    'agentsmith.network.connect.result': outcome === 'result' ? attempt.result : undefined,
    'error.type': error,
    'agentsmith.network.connect.duration': timed ? took : undefined,
    'agentsmith.network.connect.pending': outcome === 'pending' || undefined,
    'agentsmith.network.connect.unconnected': expected.unconnected,
    'agentsmith.network.connect.id': attempt.cookie,
    'agentsmith.network.socket.fd': expected.fd === false ? undefined : attempt.fd,
    'agentsmith.network.mapped': expected.mapped,
  };
  const shown = address.includes(':') ? `[${address}]` : address;
  expectRecord(watch, record, {
    dataType: 42,
    severity: 9,
    program: expected.program!,
    full: false,
    own,
    body: `→ ${shown}:${attempt.peer.port}${error ? ` ${error}` : ''}`,
    proc: attempt.proc,
    ...(expected.instead && { instead: expected.instead }),
  });
  if (outcome !== 'pending') expectBetween(watch, record, attempt.before, attempt.after);
}

/** Waits for the record of a connected UDP socket, the simplest event there is, and compares all of it. */
export async function expectUdp(watch: Watch, attempt: Attempt): Promise<WatchedRecord> {
  const record = await connectOf(watch, attempt);
  expectConnect(watch, record, attempt, { transport: 'udp' });
  return record;
}
