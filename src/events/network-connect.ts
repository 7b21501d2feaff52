// SPDX-License-Identifier: Apache-2.0
import { ConnectFlag, networkConnect as c, EventType } from '../decode/layout.gen.ts';
import * as at from '../semconv.ts';
import {
  address,
  constant,
  decimal,
  either,
  errno,
  flag,
  int,
  isGiven,
  oneOf,
  seconds,
  when,
} from './column.ts';
import { type EventDefinition, Severity } from './event.ts';

const known = flag(c.flags, ConnectFlag.RESULT_KNOWN);
const failed = flag(c.flags, ConnectFlag.FAILED);
const local = flag(c.flags, ConnectFlag.LOCAL_KNOWN);

/** Without them an immediate failure is told without its error. */
const RETURNS = [
  'network_connect_tcp4',
  'network_connect_tcp6',
  'network_connect_udp4',
  'network_connect_udp6',
];

export const networkConnect: EventDefinition = {
  name: 'agentsmith.network.connect',
  type: EventType.NETWORK_CONNECT,
  dataType: 42,
  severity: Severity.INFO,
  about:
    'A program connected a socket, or tried to: the final result, never the mere attempt. Over UDP also without a connect: the first datagram of a process, by this socket, to an address that has not written to it before.',
  highVolume: true,
  attributes: {
    [at.ATTR_NETWORK_TRANSPORT]: oneOf(c.protocol, { 6: 'tcp', 17: 'udp', 262: 'tcp' }),
    [at.ATTR_NETWORK_TYPE]: oneOf(c.family, { 2: 'ipv4', 10: 'ipv6' }),
    [at.ATTR_NETWORK_PEER_ADDRESS]: address(c.family, c.daddr),
    [at.ATTR_NETWORK_PEER_PORT]: int(c.dport),
    [at.ATTR_NETWORK_LOCAL_ADDRESS]: when(local, address(c.family, c.saddr)),
    [at.ATTR_NETWORK_LOCAL_PORT]: when(isGiven(c.sport), int(c.sport)),
    [at.CONNECT_RESULT]: when(known, int(c.result)),
    [at.ATTR_ERROR_TYPE]: when(failed, either(known, errno(c.result), constant('_OTHER'))),
    [at.CONNECT_DURATION]: when(flag(c.flags, ConnectFlag.TOOK_KNOWN), seconds(c.took)),
    [at.CONNECT_PENDING]: when(flag(c.flags, ConnectFlag.PENDING), constant(true)),
    [at.CONNECT_UNCONNECTED]: when(flag(c.flags, ConnectFlag.UNCONNECTED), constant(true)),
    [at.CONNECT_ID]: decimal(c.cookie),
    [at.SOCKET_FD]: when(flag(c.flags, ConnectFlag.FD_KNOWN), int(c.fd)),
    [at.NETWORK_MAPPED]: when(flag(c.flags, ConnectFlag.MAPPED), constant(true)),
  },
  summary: ['→ ', at.ATTR_NETWORK_PEER_ADDRESS, ':', at.ATTR_NETWORK_PEER_PORT, [' ', at.ATTR_ERROR_TYPE]],
  programs: {
    always: [
      'network_connect_state',
      'network_connect4',
      'network_connect6',
      'network_connect_send4',
      'network_connect_send6',
      'network_connect_receive4',
      'network_connect_receive6',
      'network_connect_release',
      'network_connect_pending',
    ],
    A: RETURNS,
    alongSyscalls: ['network_connect_exit'],
    optional: RETURNS,
  },
};
