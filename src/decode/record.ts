// SPDX-License-Identifier: Apache-2.0
import {
  dnsMessage,
  EventType,
  fileChange,
  filesystemMount,
  kernelBpfLoad,
  kernelHelperChange,
  kernelKexecLoad,
  kernelModuleLoad,
  kernelParameterChange,
  networkBind,
  networkConnect,
  networkSocketConnect,
  processCredentialChange,
  processExec,
  processExit,
  processFork,
  processNamespaceChange,
  processPtrace,
} from './layout.gen.ts';

/** A member of a record, as ebpf/gen-layout.ts describes it; `type` is the typedef in ebpf/events.h. */
export interface Field<T extends string = string> {
  readonly offset: number;
  readonly type: T;
}

type Struct = { readonly SIZE: number };

/** The struct behind each event type. */
const STRUCTS: ReadonlyMap<number, Struct> = new Map<number, Struct>([
  [EventType.PROCESS, processExec],
  [EventType.PROCESS_EXEC, processExec],
  [EventType.PROCESS_FORK, processFork],
  [EventType.PROCESS_EXIT, processExit],
  [EventType.NETWORK_CONNECT, networkConnect],
  [EventType.DNS_QUERY, dnsMessage],
  [EventType.DNS_ANSWER, dnsMessage],
  [EventType.DNS_SEGMENT, dnsMessage],
  [EventType.NETWORK_BIND, networkBind],
  [EventType.PROCESS_CREDENTIAL_CHANGE, processCredentialChange],
  [EventType.PROCESS_PTRACE, processPtrace],
  [EventType.KERNEL_MODULE_LOAD, kernelModuleLoad],
  [EventType.KERNEL_BPF_LOAD, kernelBpfLoad],
  [EventType.PROCESS_NAMESPACE_CHANGE, processNamespaceChange],
  [EventType.FILESYSTEM_MOUNT, filesystemMount],
  [EventType.KERNEL_PARAMETER_CHANGE, kernelParameterChange],
  [EventType.KERNEL_HELPER_CHANGE, kernelHelperChange],
  [EventType.KERNEL_KEXEC_LOAD, kernelKexecLoad],
  [EventType.NETWORK_SOCKET_CONNECT, networkSocketConnect],
  [EventType.FILE_CREATE, fileChange],
  [EventType.FILE_LINK, fileChange],
  [EventType.FILE_RENAME, fileChange],
  [EventType.FILE_SYMLINK, fileChange],
  [EventType.FILE_DELETE, fileChange],
  [EventType.FILE_DIRECTORY_CREATE, fileChange],
  [EventType.FILE_NODE_CREATE, fileChange],
]);

/** The {offset, length} pairs of a struct, nested ones too. */
function textFields(struct: object): Field[] {
  return Object.values(struct).flatMap((member: Field | number | object): Field[] => {
    if (typeof member !== 'object') return [];
    if (!('offset' in member)) return textFields(member);
    return member.type === 'text' || member.type === 'path_text' ? [member] : [];
  });
}

const SIZES: number[] = [];
/** Where their texts are named, in halves of words from the start of the record. */
const TEXTS: (readonly number[])[] = [];
for (const [type, struct] of STRUCTS) {
  SIZES[type] = struct.SIZE;
  TEXTS[type] = textFields(struct).map(({ offset }) => offset / 2);
}

const { header, who } = processExec;

let records = 0;

/** Words of `struct who`. */
export const WHO_WORDS: number = who.SIZE / 4;

/**
 * One record of a batch, read in place. It is a cursor: the batch moves it on, so whoever wants to keep something
 * copies it. Records are 8-aligned (ebpf/events.h), which lets members be read through typed arrays.
 */
export class RawEvent {
  readonly bytes: Buffer;
  /** The same, for members of text: those are nowhere aligned. */
  readonly view: DataView;
  /** Where the record starts within `bytes`. */
  at = 0;
  /** Another for each record that was ever read: whoever keeps something of a record knows by it which. */
  serial = 0;
  /** The bytes as numbers of 16 and of 32 bits. */
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  readonly #i32: Int32Array;

  constructor(buffer: ArrayBuffer) {
    this.bytes = Buffer.from(buffer);
    this.view = new DataView(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Uint32Array(buffer);
    this.#i32 = new Int32Array(buffer);
  }

  get type(): number {
    return this.u16(header.type);
  }

  get size(): number {
    return this.u32(header.size);
  }

  u16(field: Field): number {
    return this.halves[(this.at + field.offset) >>> 1]!;
  }

  u32(field: Field): number {
    return this.words[(this.at + field.offset) >>> 2]!;
  }

  i32(field: Field): number {
    return this.#i32[(this.at + field.offset) >>> 2]!;
  }

  /** Low half of a 64-bit member. */
  low(field: Field): number {
    return this.words[(this.at + field.offset) >>> 2]!;
  }

  /** High half of a 64-bit member. */
  high(field: Field): number {
    return this.words[((this.at + field.offset) >>> 2) + 1]!;
  }

  /** A 64-bit member that stays below 2^53: durations, counters. */
  number64(field: Field): number {
    return this.high(field) * 0x100000000 + this.low(field);
  }

  u64(field: Field): bigint {
    return (BigInt(this.high(field)) << 32n) | BigInt(this.low(field));
  }

  /** Start, within `bytes`, of the text that a `text` or `path_text` member names. */
  textStart(field: Field): number {
    return this.at + this.halves[(this.at + field.offset) >>> 1]!;
  }

  textLength(field: Field): number {
    return this.halves[((this.at + field.offset) >>> 1) + 1]!;
  }

  /** Whether `struct who` holds the same words as `words` from `from` on. */
  sameWho(words: Uint32Array, from = 0): boolean {
    const start = (this.at + who.start.offset) >>> 2;
    // No way out in between: nearly always all words are the same, and a loop without branches is faster. Two at a time, as
    // they are an even number (the struct has 64-bit members): 84 to 68 ns.
    let different = 0;
    for (let i = 0; i < WHO_WORDS; i += 2) {
      different |= this.words[start + i]! ^ words[from + i]!;
      different |= this.words[start + i + 1]! ^ words[from + i + 1]!;
    }
    return different === 0;
  }

  /** Copies `struct who` into `words` from `to` on. */
  copyWho(words: Uint32Array, to = 0): void {
    const start = (this.at + who.start.offset) >>> 2;
    for (let i = 0; i < WHO_WORDS; i++) words[to + i] = this.words[start + i]!;
  }
}

/**
 * The records of one drain of the ring, in order. Iterating moves one cursor and allocates nothing. Bytes that are no
 * record are counted and skipped: what follows a wrong size cannot be found again, so the rest of the batch is too.
 */
export class RecordBatch implements Iterator<RawEvent>, Iterable<RawEvent> {
  readonly event: RawEvent;
  readonly #buffer: ArrayBuffer;
  #length = 0;
  #next = 0;
  /** Records that could not be read, since the start. */
  malformed = 0;
  /** When user space read the batch, ns since the epoch. */
  observed = 0n;
  done = false;

  constructor(buffer: ArrayBuffer) {
    this.#buffer = buffer;
    this.event = new RawEvent(buffer);
  }

  /** The raw bytes, for recordings. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#buffer, 0, this.#length);
  }

  get value(): RawEvent {
    return this.event;
  }

  /** Boot time of the first record, ns: the ring keeps the order of time. */
  get firstTime(): bigint | undefined {
    if (this.#length < header.SIZE) return undefined;
    return new DataView(this.#buffer).getBigUint64(header.time.offset, true);
  }

  /** Sets the iteration to the first `length` bytes of the buffer. */
  load(length: number, observed: bigint): this {
    this.#length = length;
    this.observed = observed;
    return this;
  }

  [Symbol.iterator](): this {
    this.#next = 0;
    this.done = false;
    return this;
  }

  next(): this & IteratorResult<RawEvent> {
    const event = this.event;
    while (this.#next < this.#length) {
      event.at = this.#next;
      event.serial = ++records;
      const left = this.#length - this.#next;
      const { size, type } = event;
      if (left < header.SIZE || size < header.SIZE || size % 8 !== 0 || size > left) {
        this.malformed++;
        this.#next = this.#length;
        break;
      }
      this.#next += size;
      if (isWhole(event, type, size)) return this as this & IteratorResult<RawEvent>;
      this.malformed++;
    }
    this.done = true;
    return this as this & IteratorResult<RawEvent>;
  }
}

/**
 * Whether the record has its struct, and every text lies behind it, within the record and beside the others. The last
 * bounds what a record can become: without it a crafted recording could show the same 64 KiB in every attribute.
 */
function isWhole(event: RawEvent, type: number, size: number): boolean {
  const struct = SIZES[type];
  if (struct === undefined || size < struct) return false;
  let room = size - struct;
  const { halves } = event;
  const texts = TEXTS[type]!;
  const start = event.at >>> 1;
  for (let i = 0; i < texts.length; i++) {
    const at = start + texts[i]!;
    const length = halves[at + 1]!;
    if (length === 0) continue;
    const offset = halves[at]!;
    if (offset < struct || offset + length > size || length > room) return false;
    room -= length;
  }
  return true;
}
