// SPDX-License-Identifier: Apache-2.0
import { BindFlag, networkBind as b, EventType } from '../decode/layout.gen.ts';
import * as at from '../semconv.ts';
import { address, constant, errno, flag, int, oneOf, when } from './column.ts';
import { type EventDefinition, Severity } from './event.ts';

const failed = flag(b.flags, BindFlag.FAILED);
const known = flag(b.flags, BindFlag.ADDRESS_KNOWN);
/** Of a bind that failed the address is only in the caller's memory. */
const ASKED = [at.ATTR_NETWORK_LOCAL_ADDRESS, at.ATTR_NETWORK_LOCAL_PORT];

export const networkBind: EventDefinition = {
  name: 'agentsmith.network.bind',
  type: EventType.NETWORK_BIND,
  dataType: 49,
  severity: Severity.INFO,
  about: 'A program gave a socket its local address and port; what the kernel chooses by itself is none.',
  highVolume: true,
  attributes: {
    [at.ATTR_NETWORK_TRANSPORT]: oneOf(b.protocol, { 6: 'tcp', 17: 'udp', 262: 'tcp' }),
    [at.ATTR_NETWORK_TYPE]: oneOf(b.family, { 2: 'ipv4', 10: 'ipv6' }),
    [at.ATTR_NETWORK_LOCAL_ADDRESS]: when(known, address(b.family, b.addr)),
    [at.ATTR_NETWORK_LOCAL_PORT]: when(known, int(b.port)),
    [at.ATTR_ERROR_TYPE]: when(failed, errno(b.result)),
    [at.NETWORK_MAPPED]: when(flag(b.flags, BindFlag.MAPPED), constant(true)),
    [at.UNVERIFIED]: when((event) => failed(event) && known(event), constant(ASKED)),
  },
  summary: [
    at.ATTR_NETWORK_LOCAL_ADDRESS,
    [':', at.ATTR_NETWORK_LOCAL_PORT],
    [' ', at.ATTR_NETWORK_TRANSPORT],
    [' ', at.ATTR_ERROR_TYPE],
  ],
  programs: {
    always: ['network_bind4', 'network_bind6'],
    alongSyscalls: ['network_bind_exit'],
  },
};
