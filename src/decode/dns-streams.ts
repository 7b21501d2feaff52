// SPDX-License-Identifier: Apache-2.0

/*
 * DNS over TCP: a message is two bytes of length and as many bytes (RFC 1035 4.2.2), cut into segments anywhere. And
 * datagrams that the kernel saw as one packet (UDP_SEGMENT, UDP_GRO): all but the last have one size. Each message that is whole becomes a record like those that the kernel sends for UDP, and goes the same way from there.
 */
import type { Clock } from '../clock.ts';
import { DnsFlag, dnsMessage, EventType } from './layout.gen.ts';
import { type RawEvent, RecordBatch } from './record.ts';

/**
 * `agentsmith.event.cpu` of records that are made here. Their numbers are counted here too, because a segment can end
 * no message or many: so each record has a number of its own, and no number is missing.
 */
export const REASSEMBLED_CPU = 0xffff;

/** Kept of a message: with EDNS as much as resolvers send over UDP, and many times a usual answer. */
const MESSAGE_MAX = 4096;
/** Connections to resolvers are few and short; the least recently used one goes. At most 10 MiB in all. */
const CONNECTIONS_MAX = 512;
/** Idle for as long, a connection is taken for closed: RFC 7766 wants seconds. */
const IDLE_NS = 120_000_000_000;
/** Queries that wait for their answer on one connection; pipelining clients send a handful. */
const ASKED_MAX = 32;
/** Segments held back until the one before them comes, on one stream and in all. */
const HELD_MAX = 8;
const HELD_BYTES_MAX = 4 << 20;
/** Messages that one segment may end: a captured segment has room for 290 empty ones, which nobody asks for. */
const MESSAGES_MAX = 64;
/** IPPROTO_UDP */
const UDP = 17;
/** The smallest message is its header. */
const HEADER_BYTES = 12;

const { header, who } = dnsMessage;
const RECORD_MAX = dnsMessage.SIZE + MESSAGE_MAX;

/** A segment that came before its time. */
interface Held {
  readonly sequence: number;
  readonly size: number;
  readonly bytes: Buffer;
}

/** One direction of a connection. */
class Stream {
  /** The sequence number of the byte that comes next; undefined before the first segment. */
  next: number | undefined;
  readonly held: Held[] = [];
  /** Bytes of the length that were read: 0 to 2. */
  prefix = 0;
  /** Of the message, as its length says. */
  size = 0;
  /** Of the message, have passed. */
  seen = 0;
  /** Of the message, from its start on without a hole, are in `message`. */
  kept = 0;
  message: Buffer = Buffer.alloc(0);
  /** It is not DNS: what else comes is not looked at. */
  isDead = false;

  restart(): void {
    this.prefix = this.size = this.seen = this.kept = 0;
  }

  /** Whether a part of a message is here that would be missing if nothing more came. */
  get isPartial(): boolean {
    return this.seen > 0 || this.held.length > 0;
  }
}

interface Connection {
  readonly query: Stream;
  readonly answer: Stream;
  /** The record of each query by its id, without the message: who asked, and when. */
  readonly asked: Map<number, Buffer>;
  /** Boot time of the last segment, ns. */
  last: number;
}

/** Finds the messages in the segments of all connections. */
export class DnsStreams {
  /** By event type: messages of which a part was seen and the rest never came, or could not be kept. */
  readonly incomplete: Record<number, number> = { [EventType.DNS_QUERY]: 0, [EventType.DNS_ANSWER]: 0 };
  readonly #clock: Clock;
  /** By cookie, least recently used first. */
  readonly #connections = new Map<number, Connection>();
  #heldBytes = 0;
  #sequence: number | undefined;
  #buffer: Buffer | undefined;
  #batch: RecordBatch | undefined;
  #length = 0;
  /** Where the last record begins. */
  #last = 0;
  #messages = 0;

  /** `clock` tells the wall time of the first segment: numbers begin there, in µs, as those of the kernel do. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Connections that are remembered. */
  get size(): number {
    return this.#connections.size;
  }

  /** The messages that this segment (EVENT_DNS_SEGMENT) ends, as records; they hold until the next call. */
  take(segment: RawEvent): RecordBatch {
    if (!this.#buffer || !this.#batch) {
      const buffer = new ArrayBuffer(MESSAGES_MAX * RECORD_MAX);
      this.#buffer = Buffer.from(buffer);
      this.#batch = new RecordBatch(buffer);
    }
    this.#length = this.#messages = 0;
    const connection = this.#connectionOf(segment);
    const isAnswer = (segment.u32(dnsMessage.flags) & DnsFlag.ANSWER) !== 0;
    const stream = isAnswer ? connection.answer : connection.query;
    const start = segment.textStart(dnsMessage.message);
    const bytes = segment.bytes.subarray(start, start + segment.textLength(dnsMessage.message));
    const size = Math.max(segment.u32(dnsMessage.size), bytes.length);
    if (segment.u16(dnsMessage.protocol) === UDP) {
      this.#split(connection, segment, isAnswer, size, bytes);
    } else if (!stream.isDead) {
      this.#enter(connection, stream, segment, segment.u32(dnsMessage.tcpSequence), size, bytes);
    }
    return this.#batch.load(this.#length, 0n);
  }

  /** Datagrams of one size that were sent, or came, as one packet: each is a message. */
  #split(connection: Connection, segment: RawEvent, isAnswer: boolean, size: number, bytes: Buffer): void {
    const type = isAnswer ? EventType.DNS_ANSWER : EventType.DNS_QUERY;
    const each = Math.max(segment.u32(dnsMessage.tcpSequence), HEADER_BYTES);
    for (let at = 0; at < size; at += each) {
      if (at >= bytes.length || this.#messages === MESSAGES_MAX) {
        // Not captured: at least one.
        this.incomplete[type]!++;
        return;
      }
      const datagram = new Stream();
      datagram.message = bytes.subarray(at, Math.min(at + each, bytes.length, at + MESSAGE_MAX));
      datagram.kept = datagram.message.length;
      datagram.size = Math.min(each, size - at);
      this.#append(connection, datagram, segment, type);
      // The kernel measured the first answer only.
      if (at > 0 && !connection.asked.has(datagram.kept < 2 ? -1 : datagram.message.readUInt16BE(0)))
        this.#untime(this.#last);
    }
  }

  #connectionOf(segment: RawEvent): Connection {
    // Cookies count up from 1: they stay below 2^53.
    const cookie = segment.number64(dnsMessage.cookie);
    const now = segment.number64(header.time);
    const connection = this.#connections.get(cookie);
    if (connection) {
      this.#connections.delete(cookie);
      this.#connections.set(cookie, connection);
      connection.last = now;
      return connection;
    }
    for (const [oldest, { last }] of this.#connections) {
      if (this.#connections.size < CONNECTIONS_MAX && now - last < IDLE_NS) break;
      this.#drop(oldest);
    }
    const fresh: Connection = { query: new Stream(), answer: new Stream(), asked: new Map(), last: now };
    this.#connections.set(cookie, fresh);
    return fresh;
  }

  #drop(cookie: number): void {
    const connection = this.#connections.get(cookie)!;
    for (const stream of [connection.query, connection.answer]) this.#lose(connection, stream);
    this.#connections.delete(cookie);
  }

  /** Gives up what the stream has of a message. */
  #lose(connection: Connection, stream: Stream): void {
    if (stream.isPartial) {
      const type = stream === connection.answer ? EventType.DNS_ANSWER : EventType.DNS_QUERY;
      this.incomplete[type]!++;
    }
    for (const { bytes } of stream.held) this.#heldBytes -= bytes.length;
    stream.held.length = 0;
    stream.restart();
  }

  /** `size` bytes of the stream, of which `bytes` are the first. */
  #enter(
    connection: Connection,
    stream: Stream,
    segment: RawEvent,
    sequence: number,
    size: number,
    bytes: Buffer,
  ): void {
    stream.next ??= sequence;
    const ahead = (sequence - stream.next) | 0;
    if (ahead > 0) {
      if (stream.held.length < HELD_MAX && this.#heldBytes + bytes.length <= HELD_BYTES_MAX) {
        // Copied: the batch is used again.
        stream.held.push({ sequence, size, bytes: Buffer.from(bytes) });
        this.#heldBytes += bytes.length;
        return;
      }
      // What is missing was lost on the way here: begin anew, as if a message began with this segment.
      this.#lose(connection, stream);
      stream.next = sequence;
    }
    this.#advance(connection, stream, segment, sequence, size, bytes);
    for (let next = this.#unheld(stream); next && !stream.isDead; next = this.#unheld(stream))
      this.#advance(connection, stream, segment, next.sequence, next.size, next.bytes);
  }

  /** The held segment whose turn it is. */
  #unheld(stream: Stream): Held | undefined {
    const at = stream.held.findIndex(({ sequence }) => ((sequence - stream.next!) | 0) <= 0);
    if (at < 0) return undefined;
    const [held] = stream.held.splice(at, 1);
    this.#heldBytes -= held!.bytes.length;
    return held;
  }

  /** A segment that begins where the stream stands, or before (sent again). */
  #advance(
    connection: Connection,
    stream: Stream,
    segment: RawEvent,
    sequence: number,
    size: number,
    bytes: Buffer,
  ): void {
    const known = (stream.next! - sequence) | 0;
    if (known >= size) return;
    stream.next = (sequence + size) >>> 0;
    this.#feed(connection, stream, segment, bytes.subarray(known));
    const unseen = size - Math.max(known, bytes.length);
    if (unseen > 0 && !stream.isDead) this.#pass(connection, stream, segment, unseen);
  }

  #feed(connection: Connection, stream: Stream, segment: RawEvent, bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !stream.isDead; ) {
      if (stream.prefix < 2) {
        stream.size = (stream.size << 8) | bytes[at++]!;
        if (++stream.prefix < 2) continue;
        stream.message = Buffer.alloc(Math.min(stream.size, MESSAGE_MAX));
      }
      const count = Math.min(bytes.length - at, stream.size - stream.seen);
      if (stream.kept === stream.seen) stream.kept += bytes.copy(stream.message, stream.kept, at, at + count);
      stream.seen += count;
      at += count;
      if (stream.seen === stream.size) this.#end(connection, stream, segment);
    }
  }

  /** Bytes that were not captured. Where a message ends among them, the next one cannot be found. */
  #pass(connection: Connection, stream: Stream, segment: RawEvent, count: number): void {
    const rest = stream.prefix === 2 ? stream.size - stream.seen : 0;
    if (count < rest) {
      stream.seen += count;
      return;
    }
    if (stream.prefix === 2) {
      stream.seen += rest;
      this.#end(connection, stream, segment);
    }
    if (count === rest) return;
    // At least one message more was there.
    stream.seen = 1;
    this.#lose(connection, stream);
  }

  /** The stream's message is whole. */
  #end(connection: Connection, stream: Stream, segment: RawEvent): void {
    const isAnswer = stream === connection.answer;
    if (this.#messages === MESSAGES_MAX) {
      stream.isDead = true;
      this.#lose(connection, stream);
      return;
    }
    this.#append(connection, stream, segment, isAnswer ? EventType.DNS_ANSWER : EventType.DNS_QUERY);
    if (stream.size < HEADER_BYTES) stream.isDead = true;
    stream.restart();
  }

  #append(connection: Connection, stream: Stream, segment: RawEvent, type: number): void {
    const out = this.#buffer!;
    const at = this.#length;
    const id = stream.kept < 2 ? -1 : stream.message.readUInt16BE(0);
    segment.bytes.copy(out, at, segment.at, segment.at + dnsMessage.SIZE);
    if (type === EventType.DNS_ANSWER) this.#attribute(connection.asked.get(id), at);
    else if (id >= 0) remember(connection.asked, id, Buffer.from(out.subarray(at, at + dnsMessage.SIZE)));
    const flags = out.readUInt32LE(at + dnsMessage.flags.offset) & ~DnsFlag.ANSWER;
    out.writeUInt32LE(flags >>> 0, at + dnsMessage.flags.offset);
    const end = at + dnsMessage.SIZE + stream.kept;
    const size = (dnsMessage.SIZE + stream.kept + 7) & ~7;
    stream.message.copy(out, at + dnsMessage.SIZE, 0, stream.kept);
    out.fill(0, end, at + size);
    out.writeUInt32LE(size, at + header.size.offset);
    out.writeUInt16LE(type, at + header.type.offset);
    out.writeUInt16LE(REASSEMBLED_CPU, at + header.cpu.offset);
    this.#sequence ??= this.#first(segment);
    out.writeBigUInt64LE(BigInt(this.#sequence++), at + header.sequence.offset);
    out.writeUInt32LE(stream.size, at + dnsMessage.size.offset);
    out.writeUInt16LE(dnsMessage.SIZE, at + dnsMessage.message.offset);
    out.writeUInt16LE(stream.kept, at + dnsMessage.message.offset + 2);
    this.#last = at;
    this.#length += size;
    this.#messages++;
  }

  /** The first number: the wall time of the segment, µs since the epoch. A made-up clock must not pass 2^53. */
  #first(segment: RawEvent): number {
    const wall = this.#clock.wall(segment.low(header.time), segment.high(header.time));
    return Number(BigInt.asUintN(52, wall / 1000n));
  }

  #untime(at: number): void {
    const flags = at + dnsMessage.flags.offset;
    this.#buffer!.writeUInt32LE((this.#buffer!.readUInt32LE(flags) & ~DnsFlag.TOOK_KNOWN) >>> 0, flags);
  }

  /** An answer belongs to who sent its query, which on a shared connection need not be the last one who sent. */
  #attribute(asked: Buffer | undefined, at: number): void {
    const out = this.#buffer!;
    if (!asked) return;
    const copy = (from: number, length: number) => asked.copy(out, at + from, from, from + length);
    copy(header.tid.offset, 4);
    copy(header.comm.offset, header.comm.length);
    copy(who.start.offset, who.SIZE);
    copy(dnsMessage.fd.offset, 4);
    const { flags, took } = dnsMessage;
    const fd = asked.readUInt32LE(flags.offset) & DnsFlag.FD_KNOWN;
    const others = out.readUInt32LE(at + flags.offset) & ~DnsFlag.FD_KNOWN;
    const time = out.readBigUInt64LE(at + header.time.offset) - asked.readBigUInt64LE(header.time.offset);
    if (time < 0n) return;
    out.writeUInt32LE((others | fd | DnsFlag.TOOK_KNOWN) >>> 0, at + flags.offset);
    out.writeBigUInt64LE(time, at + took.offset);
  }
}

function remember(asked: Map<number, Buffer>, id: number, record: Buffer): void {
  asked.delete(id);
  asked.set(id, record);
  if (asked.size > ASKED_MAX) asked.delete(asked.keys().next().value!);
}
