// SPDX-License-Identifier: Apache-2.0
import * as layout from '../../src/decode/layout.gen.ts';
import { RecordBatch } from '../../src/decode/record.ts';

/*
 * Ring records as bytes, from friendly values. Nothing here knows an offset: all come from layout.gen.ts, so a new
 * struct in ebpf/events.h needs no builder of its own.
 */

type Wide = 'boot_ns' | 'nanos' | 'identifier' | 'capabilities' | 'counter' | 'u64';
/** Text: a string, bytes, or several strings that each get their NUL (argv). */
export type Text = string | Uint8Array | readonly (string | Uint8Array)[];

type ValueOf<F> = F extends { offset: number; type: infer T }
  ? T extends Wide
    ? bigint
    : T extends 'text'
      ? Text
      : T extends 'path_text' | 'chars' | 'bytes'
        ? string | Uint8Array
        : number
  : Values<F>;
/** What a builder takes for a struct of layout.gen.ts: any members, the others are 0. */
export type Values<S> = {
  readonly [K in keyof S as K extends 'SIZE' ? never : K]?: ValueOf<S[K]> | undefined;
};

type Member = { readonly offset: number; readonly type: string; readonly length?: number };
type Struct = { readonly SIZE: number };

/** Values of `struct who` that make a plain process; 4100, child of 4000. */
export const WHO: Required<Values<typeof layout.processExec.who>> = {
  start: 5_000_000_000n,
  parentStart: 4_000_000_000n,
  execId: 7n,
  cgroup: 81n,
  pid: 4100,
  parentPid: 4000,
  groupLeader: 4100,
  sessionLeader: 4000,
  vpid: 4100,
  uid: 1000,
  euid: 1000,
  suid: 1000,
  gid: 100,
  egid: 100,
  auditSession: 3,
  loginUid: 1000,
  tty: (136 << 20) | 2,
  pidNs: 11,
  mntNs: 12,
  netNs: 13,
  utsNs: 14,
  userNs: 15,
  nodename: 'host-1',
};

/** Values of `struct header`; size and type are filled in. */
export const HEADER: Values<typeof layout.processExec.header> = {
  cpu: 1,
  time: 6_500_000_000n,
  sequence: 1_763_770_000_000_042n,
  tid: 4100,
  comm: 'worker',
};

/** The bytes of one text. */
export function textBytes(text: Text): Buffer {
  if (typeof text === 'string') return Buffer.from(text);
  if (text instanceof Uint8Array) return Buffer.from(text);
  return Buffer.concat(
    (text as readonly (string | Uint8Array)[]).flatMap((part) => [
      Buffer.from(part as string),
      Buffer.alloc(1),
    ]),
  );
}

/** A path as ebpf/lib/path.h leaves it: components leaf first, each with its NUL, an empty one for the root. */
export function pathBytes(path: string | Uint8Array): Buffer {
  const bytes = Buffer.from(path as string);
  if (bytes.length === 0) return bytes;
  // latin1 maps each byte to one character and back.
  const components = bytes.toString('latin1').split('/').reverse();
  const leafFirst =
    bytes.length === 1 && bytes[0] === 0x2f ? '\0' : components.map((name) => `${name}\0`).join('');
  return Buffer.from(leafFirst, 'latin1');
}

/** Where each record is built: one of its own each time left the benchmarks 512 MiB of garbage, and it in their RSS. */
const scratch = Buffer.alloc(1 << 17);

class Builder {
  readonly bytes: Buffer = scratch.fill(0);
  #end: number;

  constructor(size: number) {
    this.#end = size;
  }

  fill(struct: object, values: object): void {
    for (const [name, value] of Object.entries(values)) {
      const member = (struct as Record<string, object>)[name];
      if (member === undefined) throw new RangeError(`no member ${name}`);
      if (value === undefined) continue;
      if ('offset' in member) this.#member(member as Member, value);
      else this.fill(member, value as object);
    }
  }

  #member({ offset, type, length = 0 }: Member, value: unknown): void {
    const { bytes } = this;
    if (type === 'text') this.#text(offset, textBytes(value as Text));
    else if (type === 'path_text') this.#text(offset, pathBytes(value as string));
    else if (type === 'chars' || type === 'bytes')
      Buffer.from(value as string).copy(bytes, offset, 0, length);
    else if (typeof value === 'bigint') bytes.writeBigUInt64LE(value, offset);
    else if (type === 'u16' || type === 'port') bytes.writeUInt16LE(value as number, offset);
    else if (type === 'err_no') bytes.writeInt32LE(value as number, offset);
    else bytes.writeUInt32LE(value as number, offset);
  }

  #text(offset: number, text: Buffer): void {
    if (this.#end + text.length > 0xffff) throw new RangeError('a record reaches no further than 64 KiB');
    this.bytes.writeUInt16LE(this.#end, offset);
    this.bytes.writeUInt16LE(text.length, offset + 2);
    text.copy(this.bytes, this.#end);
    this.#end += text.length;
  }

  finish(type: number): Buffer {
    const { size, type: typeField } = layout.processExec.header;
    const whole = (this.#end + 7) & ~7;
    this.bytes.writeUInt32LE(whole, size.offset);
    this.bytes.writeUInt16LE(type, typeField.offset);
    return Buffer.from(this.bytes.subarray(0, whole));
  }
}

/** A record of any struct; header and who are those of {@link HEADER} and {@link WHO} where they are not given. */
export function record<S extends Struct>(struct: S, type: number, values: Values<S> = {}): Buffer {
  const builder = new Builder(struct.SIZE);
  const { header, who, ...own } = values as { header?: object; who?: object };
  builder.fill(struct, { header: { ...HEADER, ...header }, who: { ...WHO, ...who }, ...own });
  return builder.finish(type);
}

const { EventType } = layout;
export type ExecValues = Values<typeof layout.processExec>;
export type ForkValues = Values<typeof layout.processFork>;
export type ExitValues = Values<typeof layout.processExit>;
export type ConnectValues = Values<typeof layout.networkConnect>;
export type DnsValues = Values<typeof layout.dnsMessage>;
export type BindValues = Values<typeof layout.networkBind>;
export type CredentialValues = Values<typeof layout.processCredentialChange>;
export type FileValues = Values<typeof layout.fileChange>;

/** The introduction of a process: not exported. */
export const introduction = (values: ExecValues = {}): Buffer =>
  record(layout.processExec, EventType.PROCESS, values);
export const exec = (values: ExecValues = {}): Buffer =>
  record(layout.processExec, EventType.PROCESS_EXEC, values);
/** By its parent, where no origin is given. */
export const fork = (values: ForkValues = {}): Buffer => {
  const { parentPid: originPid, parentStart: originStart } = { ...WHO, ...values.who };
  return record(layout.processFork, EventType.PROCESS_FORK, { originPid, originStart, ...values });
};
export const exit = (values: ExitValues = {}): Buffer =>
  record(layout.processExit, EventType.PROCESS_EXIT, values);
export const connect = (values: ConnectValues = {}): Buffer =>
  record(layout.networkConnect, EventType.NETWORK_CONNECT, { family: 2, protocol: 6, ...values });
export const bind = (values: BindValues = {}): Buffer =>
  record(layout.networkBind, EventType.NETWORK_BIND, { family: 2, protocol: 6, ...values });
export const credentialChange = (values: CredentialValues = {}): Buffer =>
  record(layout.processCredentialChange, EventType.PROCESS_CREDENTIAL_CHANGE, values);

const dns =
  (type: number) =>
  (values: DnsValues = {}): Buffer => {
    const size = values.message === undefined ? 0 : textBytes(values.message).length;
    return record(layout.dnsMessage, type, { family: 2, protocol: 17, size, ...values });
  };
/** `size` is that of the message, where it is not given. */
export const dnsQuery: (values?: DnsValues) => Buffer = dns(EventType.DNS_QUERY);
export const dnsAnswer: (values?: DnsValues) => Buffer = dns(EventType.DNS_ANSWER);
/** A piece of a TCP stream. */
export const dnsSegment = (values: DnsValues = {}): Buffer =>
  dns(EventType.DNS_SEGMENT)({ protocol: 6, cookie: 1n, ...values });

export type PtraceValues = Values<typeof layout.processPtrace>;
export type ModuleValues = Values<typeof layout.kernelModuleLoad>;
export type BpfValues = Values<typeof layout.kernelBpfLoad>;
export const ptrace = (values: PtraceValues = {}): Buffer =>
  record(layout.processPtrace, EventType.PROCESS_PTRACE, {
    injection: layout.Injection.ATTACH,
    request: 16,
    ...values,
  });
export const moduleLoad = (values: ModuleValues = {}): Buffer =>
  record(layout.kernelModuleLoad, EventType.KERNEL_MODULE_LOAD, values);
export const bpfLoad = (values: BpfValues = {}): Buffer =>
  record(layout.kernelBpfLoad, EventType.KERNEL_BPF_LOAD, values);

/** Types of the events that `struct file_change` is for. */
export const FILE_TYPES: readonly number[] = [
  EventType.FILE_CREATE,
  EventType.FILE_LINK,
  EventType.FILE_RENAME,
  EventType.FILE_SYMLINK,
  EventType.FILE_DELETE,
  EventType.FILE_DIRECTORY_CREATE,
  EventType.FILE_NODE_CREATE,
];
export const file = (values: FileValues = {}, type: number = EventType.FILE_CREATE): Buffer =>
  record(layout.fileChange, type, values);

/** When the batches of {@link batchOf} were read. */
export const OBSERVED = 1_763_770_001_000_000_001n;

/** The records one behind the other, as a drain of the ring gives them; `margin` bytes of `filler` stand behind. */
export function batchOf(records: readonly Uint8Array[], margin = 0, filler = 0): RecordBatch {
  const bytes = Buffer.concat(records);
  const buffer = new ArrayBuffer((bytes.length + margin + 7) & ~7);
  new Uint8Array(buffer).fill(filler).set(bytes);
  return new RecordBatch(buffer).load(bytes.length, OBSERVED);
}

export type NamespaceValues = Values<typeof layout.processNamespaceChange>;
export type MountValues = Values<typeof layout.filesystemMount>;
export type ParameterValues = Values<typeof layout.kernelParameterChange>;
export type HelperValues = Values<typeof layout.kernelHelperChange>;
export type KexecValues = Values<typeof layout.kernelKexecLoad>;
export type SocketValues = Values<typeof layout.networkSocketConnect>;
export const namespaceChange = (values: NamespaceValues = {}): Buffer =>
  record(layout.processNamespaceChange, EventType.PROCESS_NAMESPACE_CHANGE, values);
export const mount = (values: MountValues = {}): Buffer =>
  record(layout.filesystemMount, EventType.FILESYSTEM_MOUNT, values);
export const parameterChange = (values: ParameterValues = {}): Buffer =>
  record(layout.kernelParameterChange, EventType.KERNEL_PARAMETER_CHANGE, values);
export const helperChange = (values: HelperValues = {}): Buffer =>
  record(layout.kernelHelperChange, EventType.KERNEL_HELPER_CHANGE, values);
export const kexecLoad = (values: KexecValues = {}): Buffer =>
  record(layout.kernelKexecLoad, EventType.KERNEL_KEXEC_LOAD, values);
export const socketConnect = (values: SocketValues = {}): Buffer =>
  record(layout.networkSocketConnect, EventType.NETWORK_SOCKET_CONNECT, values);
