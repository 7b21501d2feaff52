// SPDX-License-Identifier: Apache-2.0
import { networkSocketConnect as c, EventType, SocketFlag } from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import * as at from '../semconv.ts';
import { address, type Column, computed, constant, either, errno, flag, int, oneOf, when } from './column.ts';
import { joinedPath, text } from './column-text.ts';
import { type EventDefinition, Severity } from './event.ts';

/** Address families: include/linux/socket.h. */
const Family = { UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, VSOCK: 40 } as const;

const is = (family: number) => (event: RawEvent) => event.u16(c.family) === family;
const isInternet = (event: RawEvent) => is(Family.INET)(event) || is(Family.INET6)(event);
const isNumber = (event: RawEvent) => is(Family.NETLINK)(event) || is(Family.VSOCK)(event);
const known = flag(c.flags, SocketFlag.PEER_KNOWN);
const abstract = flag(c.flags, SocketFlag.ABSTRACT);
const unverified = flag(c.flags, SocketFlag.UNVERIFIED);

const name = text(c.name);
/** As ss(8) shows a name that is no file. */
const abstractName: Column = computed('string', (event, process, notes) => {
  const value = name.read(event, process, notes);
  return value === undefined ? undefined : `@${value as string}`;
});

const peer: Column = either(
  is(Family.UNIX),
  either(abstract, abstractName, joinedPath(c.path, c.name)),
  either(
    isInternet,
    address(c.family, c.addr),
    when(
      isNumber,
      computed('string', (event) => `${event.u32(c.peer)}`),
    ),
  ),
);

export const networkSocketConnect: EventDefinition = {
  name: 'agentsmith.network.socket.connect',
  type: EventType.NETWORK_SOCKET_CONNECT,
  severity: Severity.INFO,
  about:
    'A socket of another kind than TCP and UDP was connected, or was to be: UNIX, netlink, raw IP, vsock (of which tier A knows the attempt alone).',
  highVolume: true,
  offByDefault: true,
  attributes: {
    [at.ATTR_NETWORK_TRANSPORT]: oneOf(c.family, {
      [Family.UNIX]: 'unix',
      [Family.INET]: 'raw',
      [Family.INET6]: 'raw',
      [Family.NETLINK]: 'netlink',
      [Family.VSOCK]: 'vsock',
    }),
    [at.ATTR_NETWORK_TYPE]: oneOf(c.family, { [Family.INET]: 'ipv4', [Family.INET6]: 'ipv6' }),
    [at.ATTR_NETWORK_PEER_ADDRESS]: when(known, peer),
    [at.ATTR_NETWORK_PEER_PORT]: when((e) => known(e) && is(Family.VSOCK)(e), int(c.peerPort)),
    [at.SOCKET_TYPE]: oneOf(c.type, { 1: 'stream', 2: 'datagram', 3: 'raw', 4: 'rdm', 5: 'seqpacket' }),
    [at.SOCKET_PROTOCOL]: when((event) => event.u16(c.protocol) !== 0, int(c.protocol)),
    [at.ATTR_ERROR_TYPE]: when(flag(c.flags, SocketFlag.FAILED), errno(c.result)),
    [at.UNVERIFIED]: when((e) => unverified(e) && known(e), constant([at.ATTR_NETWORK_PEER_ADDRESS])),
  },
  summary: [at.ATTR_NETWORK_TRANSPORT, [' → ', at.ATTR_NETWORK_PEER_ADDRESS], [' ', at.ATTR_ERROR_TYPE]],
  programs: {
    A: [
      'network_socket_stream',
      'network_socket_datagram',
      'network_socket_netlink',
      'network_socket_raw4',
      'network_socket_raw6',
      'network_socket_vsock',
    ],
    B: ['syscall_exit', 'network_socket_exit'],
  },
};
