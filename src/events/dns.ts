// SPDX-License-Identifier: Apache-2.0

import { type DnsMessage, parseDns } from '../decode/dns.ts';
import { opCodeName, responseCodeName, typeName } from '../decode/dns-names.ts';
import { DnsFlag, dnsMessage as d, EventType } from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import type { AttributeValue } from '../otlp-writer.ts';
import * as at from '../semconv.ts';
import {
  address,
  type Column,
  computed,
  constant,
  enumerated,
  flag,
  int,
  oneOf,
  seconds,
  when,
} from './column.ts';
import { type EventDefinition, Severity } from './event.ts';

// All columns ask for the same record one after the other.
let serial = -1;
let message: DnsMessage = parseDns(Buffer.alloc(0), 0, 0, true);

const isWhole = (event: RawEvent) => event.textLength(d.message) >= event.u32(d.size);

function parsed(event: RawEvent): DnsMessage {
  if (event.serial !== serial) {
    const start = event.textStart(d.message);
    message = parseDns(event.bytes, start, start + event.textLength(d.message), isWhole(event));
    serial = event.serial;
  }
  return message;
}

const of = (type: Column['type'], read: (message: DnsMessage) => AttributeValue | undefined): Column =>
  computed(type, (event) => read(parsed(event)));

const opCode = enumerated(
  (event) => parsed(event).opCode,
  new Map(Array.from({ length: 16 }, (_, code) => [code, opCodeName(code)])),
);
const errorType = of('string', ({ responseCode }) =>
  responseCode === 0 ? undefined : responseCodeName(responseCode),
);
/** The answer's own words for its type: direction is the kernel's, the bit in the message anybody's. */
const isMalformed = (event: RawEvent, isAnswer: boolean) => {
  const found = parsed(event);
  return found.malformed || found.isAnswer !== isAnswer;
};

/** What there is to say of an answer that is no error. */
function answerText({ answers, addresses }: DnsMessage): string {
  if (addresses > 0) return addresses === 1 ? '1 address' : `${addresses} addresses`;
  return answers.length > 0 ? answers.at(-1)! : 'nothing';
}

const answers: Column = {
  ...of('string[]', ({ answers }) => (answers.length > 0 ? answers : undefined)),
  text: (event, _process, out) => {
    const found = parsed(event);
    if (found.responseCode !== 0) return false;
    out.text(answerText(found));
    return true;
  },
};

const questionType: Column = {
  ...of('string', ({ type }) => (type === undefined ? undefined : typeName(type))),
  // The summary begins with it: it is never empty.
  text: (event, _process, out) => {
    const { type, malformed } = parsed(event);
    out.text(type !== undefined ? typeName(type) : malformed ? 'malformed' : 'no question');
    return true;
  },
};

const question: EventDefinition['attributes'] = {
  [at.ATTR_DNS_QUESTION_NAME]: of('string', ({ name }) => name),
  [at.DNS_QUESTION_TYPE]: questionType,
  [at.DNS_ID]: of('int', ({ id }) => id),
};

const sized: EventDefinition['attributes'] = {
  [at.DNS_EDNS_UDP_SIZE]: of('int', ({ udpSize }) => udpSize),
  [at.DNS_MESSAGE_SIZE]: int(d.size),
  [at.DNS_MESSAGE_TRUNCATED]: when((event) => !isWhole(event), constant(true)),
};

const network: EventDefinition['attributes'] = {
  [at.ATTR_NETWORK_TRANSPORT]: oneOf(d.protocol, { 6: 'tcp', 17: 'udp' }),
  [at.ATTR_NETWORK_TYPE]: oneOf(d.family, { 2: 'ipv4', 10: 'ipv6' }),
  [at.ATTR_NETWORK_PEER_ADDRESS]: address(d.family, d.daddr),
  [at.ATTR_NETWORK_PEER_PORT]: int(d.dport),
  [at.ATTR_NETWORK_LOCAL_ADDRESS]: address(d.family, d.saddr),
  [at.ATTR_NETWORK_LOCAL_PORT]: int(d.sport),
  [at.SOCKET_FD]: when(flag(d.flags, DnsFlag.FD_KNOWN), int(d.fd)),
  [at.NETWORK_MAPPED]: when(flag(d.flags, DnsFlag.MAPPED), constant(true)),
};

const PROGRAMS = ['dns_egress', 'dns_ingress'] as const;
const PARTS = [{ type: EventType.DNS_SEGMENT, name: 'agentsmith.dns.segment' }] as const;

export const dnsQuery: EventDefinition = {
  name: 'agentsmith.dns.query',
  type: EventType.DNS_QUERY,
  dataType: 601,
  severity: Severity.INFO,
  about: 'A program asked a resolver, over UDP or TCP, by whatever call.',
  highVolume: true,
  attributes: {
    ...question,
    [at.DNS_TYPE]: constant('query'),
    [at.DNS_OP_CODE]: opCode,
    [at.DNS_MALFORMED]: when((event) => isMalformed(event, false), constant(true)),
    ...sized,
    ...network,
  },
  summary: [at.DNS_QUESTION_TYPE, [' ', at.ATTR_DNS_QUESTION_NAME]],
  programs: { always: PROGRAMS },
  parts: PARTS,
};

export const dnsAnswer: EventDefinition = {
  name: 'agentsmith.dns.answer',
  type: EventType.DNS_ANSWER,
  dataType: 601,
  severity: Severity.INFO,
  about: 'What a resolver answered, told of the process that asked, also when it never reads it.',
  highVolume: true,
  attributes: {
    ...question,
    [at.DNS_TYPE]: constant('answer'),
    [at.DNS_OP_CODE]: opCode,
    [at.DNS_RESPONSE_CODE]: of('string', ({ responseCode }) => responseCodeName(responseCode)),
    [at.ATTR_ERROR_TYPE]: errorType,
    [at.ATTR_DNS_ANSWERS]: answers,
    [at.DNS_TRUNCATED]: of('bool', ({ isCut }) => isCut || undefined),
    [at.DNS_DURATION]: when(flag(d.flags, DnsFlag.TOOK_KNOWN), seconds(d.took)),
    [at.DNS_MALFORMED]: when((event) => isMalformed(event, true), constant(true)),
    ...sized,
    ...network,
  },
  summary: [
    at.DNS_QUESTION_TYPE,
    [' ', at.ATTR_DNS_QUESTION_NAME],
    [' → ', at.ATTR_ERROR_TYPE],
    [' → ', at.ATTR_DNS_ANSWERS],
  ],
  programs: { always: PROGRAMS },
  parts: PARTS,
};
