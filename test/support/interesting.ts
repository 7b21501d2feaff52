// SPDX-License-Identifier: Apache-2.0
import {
  BindFlag,
  ConnectFlag,
  DnsFlag,
  ExecFlag,
  FileFlag,
  ModuleFlag,
  PtraceFlag,
} from '../../src/decode/layout.gen.ts';

/** Around every length of a varint, sign bit and power of ten where an encoder could trip. */
export const INTERESTING: readonly number[] = [
  0, 1, 9, 10, 99, 100, 127, 128, 255, 256, 999, 1000, 16_383, 16_384, 0x7fff, 0x8000, 0xffff, 0x10000,
  2_097_151, 2_097_152, 999_999_999, 1_000_000_000, 0xfffffff, 0x10000000, 0x7fffffff, 0x80000000, 0xfffffffe,
  0xffffffff,
];

const all = (flags: object) => Object.values(flags).reduce((a: number, b: number) => a | b, 0);
/** Every flag of the records set. */
export const BIND_FLAGS: number = all(BindFlag);
export const CONNECT_FLAGS: number = all(ConnectFlag);
export const DNS_FLAGS: number = all(DnsFlag);
export const EXEC_FLAGS: number = all(ExecFlag);
export const MODULE_FLAGS: number = all(ModuleFlag);
export const PTRACE_FLAGS: number = all(PtraceFlag);
export const FILE_FLAGS: number = all(FileFlag);
