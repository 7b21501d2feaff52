// SPDX-License-Identifier: Apache-2.0

import type { Clock } from '../clock.ts';
import { processExec } from '../decode/layout.gen.ts';
import { type RawEvent, WHO_WORDS } from '../decode/record.ts';
import { decodeText, needsEscape } from '../decode/text.ts';
import type { Writer } from '../otlp-writer.ts';
import type { HostNamespaces } from '../sensor/sensor.ts';
import { Ancestry, NO_ANCESTRY } from './ancestry.ts';
import { type Block, encodeBlock, writeBlock } from './encode-block.ts';
import type { Image } from './image.ts';
import { Detail } from './process-block.ts';

/** What the block takes from outside the process. */
export interface HostContext {
  readonly clock: Clock;
  readonly namespaces: HostNamespaces;
  /** User name of the host's passwd file. */
  userName(uid: number): string | undefined;
}

const { who } = processExec;
const word = (field: { offset: number }) => (field.offset - who.start.offset) / 4;

/**
 * The words of so many processes lie in one array: making one costs five times as much as all else about a process.
 * The others live as long as the longest of them, which bounds how many it may be.
 */
const PROCESSES_PER_ARRAY = 16;
let words = new Uint32Array(0);
let wordsUsed = 0;
/** Behind `who` stand the exec ids of the image and of the one before it. */
const IMAGE_ID = WHO_WORDS;
const PREVIOUS_ID = WHO_WORDS + 2;
const WORDS = WHO_WORDS + 4;

/** A process as user space knows it: the words of its last `struct who`, its image, its ancestors' labels. */
export class Process {
  readonly #words: Uint32Array;
  /** Where its own words begin. */
  readonly #at: number;
  #image: Image | undefined;
  /** The image before the last exec, for results that arrive late. */
  #previous: Image | undefined;
  /** The ancestors when the process was born, at most 16. */
  ancestry: Ancestry = NO_ANCESTRY;
  /** Of the process that the event at hand reaches into, where the kernel did not tell it again. */
  target: Image | undefined;
  exited = false;
  /** Within the tree that `--tree` asks for. */
  selected = true;
  /** Its neighbours in {@link ProcessTable}. */
  beside: Process | undefined;
  older: Process | undefined;
  newer: Process | undefined;
  #created = -1;
  #children: Ancestry | undefined;
  /** Whether there are blocks: most processes never have one that is kept. */
  #isEncoded = false;
  readonly #blocks: (Block | undefined)[] = [undefined, undefined, undefined];

  constructor(event: RawEvent) {
    if (wordsUsed === words.length) {
      words = new Uint32Array(PROCESSES_PER_ARRAY * WORDS);
      wordsUsed = 0;
    }
    this.#words = words;
    this.#at = wordsUsed;
    wordsUsed += WORDS;
    event.copyWho(this.#words, this.#at);
  }

  /** From now on it is the process of the event; of the one that it was nothing stays. */
  reuse(event: RawEvent): this {
    event.copyWho(this.#words, this.#at);
    this.#image = this.#previous = this.target = undefined;
    this.ancestry = NO_ANCESTRY;
    this.exited = false;
    this.selected = true;
    this.#created = -1;
    this.changed();
    return this;
  }

  /** Takes over what the event tells of its process; blocks are encoded again when that is anything new. */
  update(event: RawEvent): void {
    if (!event.sameWho(this.#words, this.#at)) this.renew(event);
  }

  /** The same for an event of which it is known that it tells something new. */
  renew(event: RawEvent): void {
    event.copyWho(this.#words, this.#at);
    this.changed();
  }

  get pid(): number {
    return this.u32(who.pid);
  }

  /** Whether the event is of this very process: a reused pid has another start. */
  isOf(event: RawEvent): boolean {
    const start = this.#at + word(who.start);
    return this.#words[start] === event.low(who.start) && this.#words[start + 1] === event.high(who.start);
  }

  /** Whether it started after another one. */
  isLaterThan(other: Process): boolean {
    const [mine, its] = [this.#at + word(who.start), other.#at + word(who.start)];
    const high = this.#words[mine + 1]!;
    const otherHigh = other.#words[its + 1]!;
    return high > otherHigh || (high === otherHigh && this.#words[mine]! > other.#words[its]!);
  }

  get startLow(): number {
    return this.u32(who.start);
  }

  get startHigh(): number {
    return this.high(who.start);
  }

  /** One of the words of `struct who`. */
  word(index: number): number {
    return this.#words[this.#at + index]!;
  }

  /** A member of `struct who`; of one of 64 bits the low half. */
  u32(field: { offset: number }): number {
    return this.#words[this.#at + word(field)]!;
  }

  /** High half of a 64-bit member. */
  high(field: { offset: number }): number {
    return this.#words[this.#at + word(field) + 1]!;
  }

  u64(field: { offset: number }): bigint {
    return (BigInt(this.high(field)) << 32n) | BigInt(this.u32(field));
  }

  get nodename(): string {
    return decodeText(...this.#nodename());
  }

  get nodenameEscaped(): boolean {
    return needsEscape(...this.#nodename());
  }

  /** Bytes, start, end. */
  #nodename(): [Buffer, number, number] {
    const bytes = Buffer.from(this.#words.buffer, this.#at * 4, WHO_WORDS * 4);
    const start = who.nodename.offset - who.start.offset;
    const end = bytes.indexOf(0, start);
    return [bytes, start, end < 0 ? start + who.nodename.length : end];
  }

  /** The image that the last `who` was running; absent when that was never told. */
  get currentImage(): Image | undefined {
    return this.imageOf(this.u32(who.execId), this.high(who.execId));
  }

  /** The image of the last exec that was told of. */
  get image(): Image | undefined {
    return this.#image;
  }

  /** The one before it. */
  get previous(): Image | undefined {
    return this.#previous;
  }

  /** The image of an exec id, given by its halves. */
  imageOf(low: number, high: number): Image | undefined {
    if (this.#image && this.#isId(IMAGE_ID, low, high)) return this.#image;
    if (this.#previous && this.#isId(PREVIOUS_ID, low, high)) return this.#previous;
    return undefined;
  }

  #isId(index: number, low: number, high: number): boolean {
    return this.#words[this.#at + index] === low && this.#words[this.#at + index + 1] === high;
  }

  /** From the exec of this id on it runs `image`. */
  runs(image: Image | undefined, low: number, high: number): void {
    const at = this.#at + IMAGE_ID;
    if (this.#image && this.#words[at] !== low) {
      this.#previous = this.#image;
      this.#words.copyWithin(this.#at + PREVIOUS_ID, at, at + 2);
    }
    this.#image = image;
    this.#words[at] = low;
    this.#words[at + 1] = high;
    this.changed();
  }

  /**
   * Milliseconds since the epoch; computed once, so that a step of the clock does not give a process two birthdays.
   * 2^32 ns are 4294 ms and 967,296 ns: with the halves apart every step is exact.
   */
  created(clock: Clock): number {
    if (this.#created < 0) {
      const { startLow, startHigh } = this;
      const high = clock.wallHigh(startLow, startHigh);
      this.#created = high * 4294 + Math.floor((high * 967_296 + clock.wallLow(startLow)) / 1_000_000);
    }
    return this.#created;
  }

  /** `ancestry` of the children that are born now; they share it. */
  ancestryOfChildren(name: string | undefined, max: number): Ancestry {
    return (this.#children ??= new Ancestry([
      name ? `${this.pid}:${name}` : `${this.pid}`,
      ...this.ancestry.labels.slice(0, max - 1),
    ]));
  }

  /** The encoded block; encoded once and again after {@link changed}. */
  block(detail: Detail, host: HostContext): Block {
    const found = this.#blocks[detail];
    if (found) return found;
    this.#isEncoded = true;
    return (this.#blocks[detail] = encodeBlock(this, detail, host));
  }

  /**
   * Writes the block; names of the attributes in which bytes were escaped. The full one is of exec and exit, which a
   * process has once each: to keep it would cost more than to write it again.
   */
  writeBlock(detail: Detail, host: HostContext, out: Writer): readonly string[] {
    if (detail === Detail.FULL) return writeBlock(this, detail, host, out);
    const { bytes, escaped } = this.block(detail, host);
    out.whole(bytes);
    return escaped;
  }

  /** What was made of it no longer holds: `who` or the image is another. */
  changed(): void {
    this.#children = undefined;
    if (!this.#isEncoded) return;
    this.#blocks[Detail.LEAN] = this.#blocks[Detail.STANDARD] = this.#blocks[Detail.FULL] = undefined;
    this.#isEncoded = false;
  }
}
