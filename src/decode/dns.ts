// SPDX-License-Identifier: Apache-2.0

/*
 * DNS messages (RFC 1035, EDNS: RFC 6891). The bytes are anybody's: whatever they are, parsing ends after a number of
 * steps that its bounds give, throws nothing, and says that a message is malformed.
 */
import { Writer } from '../otlp-writer.ts';
import { writeIpv4, writeIpv6 } from './address.ts';
import { RecordType } from './dns-names.ts';

/** What is told of a message. */
export interface DnsMessage {
  readonly id: number;
  /** The QR bit: whoever sends it may lie. */
  readonly isAnswer: boolean;
  readonly opCode: number;
  /** With the upper bits that EDNS adds. */
  readonly responseCode: number;
  /** The TC bit: there is more over TCP. */
  readonly isCut: boolean;
  /** Of the first question; undefined when there is none that can be read. */
  readonly name: string | undefined;
  readonly type: number | undefined;
  /** Addresses and names of the answer section, in its order. */
  readonly answers: readonly string[];
  /** How many of them are addresses. */
  readonly addresses: number;
  /** The largest UDP message that the sender takes. */
  readonly udpSize: number | undefined;
  readonly malformed: boolean;
}

const HEADER_BYTES = 12;
/** RFC 1035 3.1, the length bytes included. */
const NAME_BYTES_MAX = 255;
/** A name of 255 bytes has 127 labels at most; each may be reached by a pointer. */
const NAME_STEPS_MAX = 256;
/** Answers that are shown: 1 KiB holds 63 addresses; of a longer message from TCP the first ones say enough. */
const ANSWERS_MAX = 128;
/** Names can repeat by compression: 128 of the longest would be 130 KB. */
const ANSWER_CHARACTERS_MAX = 16_384;
/** Records that are stepped over in search of EDNS; the smallest has 11 bytes, the longest capture 4 KiB. */
const RECORDS_MAX = 512;

const scratch = new Writer(Buffer.alloc(64));

/** Thrown by nobody: where a read leaves the message, the cursor only remembers it. */
class Cursor {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  at: number;
  /** Something is wrong with what is there. */
  malformed = false;
  /** A read went over the end. */
  short = false;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.at = start;
  }

  u16(): number {
    if (this.at + 2 > this.end) {
      this.short = true;
      return 0;
    }
    this.at += 2;
    return (this.bytes[this.at - 2]! << 8) | this.bytes[this.at - 1]!;
  }

  skip(count: number): void {
    if (this.at + count > this.end) this.short = true;
    else this.at += count;
  }

  get ok(): boolean {
    return !this.malformed && !this.short;
  }

  /**
   * A name, by pointers that lead ever further back, so that none can loop. In the notation of zone files: a dot within
   * a label is `\.`, what is not printable `\DDD`; without the last dot, the root is `.`.
   */
  name(): string {
    let text = '';
    let length = 1;
    let at = this.at;
    let lowest = this.at;
    let jumped = false;
    for (let step = 0; step < NAME_STEPS_MAX; step++) {
      if (at >= this.end) {
        this.short = true;
        return text;
      }
      const byte = this.bytes[at]!;
      if (byte >= 0xc0) {
        if (at + 2 > this.end) {
          this.short = true;
          return text;
        }
        if (!jumped) this.at = at + 2;
        jumped = true;
        at = this.start + (((byte & 0x3f) << 8) | this.bytes[at + 1]!);
        if (at >= lowest) break;
        lowest = at;
        continue;
      }
      // The two kinds of label between were never used (RFC 6891 5).
      if (byte > 63) break;
      at++;
      if (byte === 0) {
        if (!jumped) this.at = at;
        return text === '' ? '.' : text;
      }
      length += byte + 1;
      if (length > NAME_BYTES_MAX) break;
      if (at + byte > this.end) {
        this.short = true;
        return text;
      }
      if (text !== '') text += '.';
      text += label(this.bytes, at, at + byte);
      at += byte;
    }
    this.malformed = true;
    return text;
  }
}

const PLAIN = Uint8Array.from({ length: 256 }, (_, c) =>
  c > 0x20 && c < 0x7f && c !== 0x2e && c !== 0x5c && c !== 0x22 ? 1 : 0,
);

/** As the semantic conventions write them in `dns.question.name`. */
const BLANKS: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 13: '\\r' };

function label(bytes: Buffer, start: number, end: number): string {
  let at = start;
  while (at < end && PLAIN[bytes[at]!]) at++;
  if (at === end) return bytes.toString('latin1', start, end);
  let text = '';
  for (at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (PLAIN[byte]) text += String.fromCharCode(byte);
    else if (byte === 0x2e || byte === 0x5c || byte === 0x22) text += `\\${String.fromCharCode(byte)}`;
    else if (byte === 0x20) text += ' ';
    else if (byte in BLANKS) text += BLANKS[byte];
    else text += `\\${String(byte).padStart(3, '0')}`;
  }
  return text;
}

/**
 * Parses the message in bytes [start, end). Of one that `isWhole` says is longer than that, what lies behind the end is
 * not missing: the message is not malformed for it.
 */
export function parseDns(bytes: Buffer, start: number, end: number, isWhole: boolean): DnsMessage {
  const cursor = new Cursor(bytes, start, end);
  const id = cursor.u16();
  const flags = cursor.u16();
  const counts = [cursor.u16(), cursor.u16(), cursor.u16(), cursor.u16()] as const;
  const isAnswer = flags >> 15 === 1;
  const opCode = (flags >> 11) & 15;
  const found: Found = { answers: [], addresses: 0, udpSize: undefined, extended: 0, characters: 0 };
  let name: string | undefined;
  let type: number | undefined;
  if (end - start < HEADER_BYTES) cursor.malformed = true;
  const [questions, ...sections] = counts;
  for (let i = 0; i < questions && cursor.ok && i < RECORDS_MAX; i++) {
    const asked = cursor.name();
    const askedType = cursor.u16();
    cursor.skip(2);
    if (i > 0) continue;
    // A name that is broken in the middle is shown up to there: it is what somebody wanted to be overlooked.
    name = asked === '' ? undefined : asked;
    type = cursor.ok ? askedType : undefined;
  }
  readSections(cursor, sections, found);
  const responseCode = (flags & 15) | (found.extended << 4);
  // A query asks one thing (RFC 9619); only an answer that refuses may leave the question out.
  const isOdd = opCode === 0 && (questions > 1 || (questions === 0 && !(isAnswer && responseCode !== 0)));
  return {
    id,
    isAnswer,
    opCode,
    responseCode,
    isCut: (flags & 0x200) !== 0,
    name,
    type,
    answers: found.answers,
    addresses: found.addresses,
    udpSize: found.udpSize,
    malformed: cursor.malformed || isOdd || (cursor.short && isWhole),
  };
}

interface Found {
  readonly answers: string[];
  addresses: number;
  udpSize: number | undefined;
  /** Upper eight bits of the response code. */
  extended: number;
  characters: number;
}

/** Answer, authority and additional section. */
function readSections(cursor: Cursor, counts: readonly number[], found: Found): void {
  let records = 0;
  for (const [section, count] of counts.entries()) {
    for (let i = 0; i < count && cursor.ok && records < RECORDS_MAX; i++, records++)
      readRecord(cursor, section, found);
  }
}

function readRecord(cursor: Cursor, section: number, found: Found): void {
  cursor.name();
  const type = cursor.u16();
  const udpSize = cursor.u16();
  const extended = cursor.at < cursor.end ? cursor.bytes[cursor.at]! : 0;
  cursor.skip(4);
  const length = cursor.u16();
  const data = cursor.at;
  cursor.skip(length);
  if (!cursor.ok) return;
  if (type === RecordType.OPT && section === 2) {
    // There is one at most (RFC 6891 6.1.1).
    if (found.udpSize !== undefined) cursor.malformed = true;
    found.udpSize = udpSize;
    found.extended = extended;
  }
  if (section === 0) readAnswer(cursor, type, data, length, found);
}

/** Names in front of which so many bytes stand: preference of MX; priority, weight and port of SRV. */
const BEFORE_NAME: Readonly<Record<number, number>> = {
  [RecordType.CNAME]: 0,
  [RecordType.NS]: 0,
  [RecordType.PTR]: 0,
  [RecordType.DNAME]: 0,
  [RecordType.MX]: 2,
  [RecordType.SRV]: 6,
};

function readAnswer(cursor: Cursor, type: number, data: number, length: number, found: Found): void {
  let text: string | undefined;
  if (type === RecordType.A || type === RecordType.AAAA) {
    if (length !== (type === RecordType.A ? 4 : 16)) {
      cursor.malformed = true;
      return;
    }
    scratch.at = 0;
    if (type === RecordType.A) writeIpv4(cursor.bytes, data, scratch);
    else writeIpv6(cursor.bytes, data, scratch);
    text = scratch.bytes.toString('latin1', 0, scratch.at);
    found.addresses++;
  } else if (type in BEFORE_NAME) {
    const behind = cursor.at;
    cursor.at = data + BEFORE_NAME[type]!;
    text = cursor.name();
    // The name must fill what the record says it has, all of which is here.
    if (cursor.at !== behind || cursor.short) cursor.malformed = true;
    cursor.at = behind;
    if (cursor.malformed) return;
  }
  if (text === undefined || found.answers.length === ANSWERS_MAX) return;
  found.characters += text.length;
  if (found.characters <= ANSWER_CHARACTERS_MAX) found.answers.push(text);
}
