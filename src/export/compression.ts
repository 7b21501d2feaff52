// SPDX-License-Identifier: Apache-2.0
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { CompressionName } from '../config/receiver-settings.ts';

/** `none` is right on loopback; zstd costs a quarter of gzip's CPU and is understood by the Collector. */
export type Compression = CompressionName;

/** What a receiver that lacks a codec is sent instead: zstd is no part of the OTLP specification. */
export const SIMPLER: Readonly<Record<Compression, Compression>> = {
  zstd: 'gzip',
  gzip: 'none',
  none: 'none',
};

// A large chunk: the default of 16 KiB would wake the event loop once per 16 KiB of output.
const CHUNK = { chunkSize: 256 * 1024 };
// Higher levels of either codec cost much CPU for few bytes (docs/performance.md).
const GZIP = { ...CHUNK, level: 1 };
const ZSTD = { ...CHUNK, params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };
const gzip = promisify(zlib.gzip);
const zstd = promisify(zlib.zstdCompress);

/** Runs on libuv's threads: compressing a full batch would block the event loop for tens of milliseconds. */
export async function compress(data: Uint8Array, encoding: Compression): Promise<Uint8Array> {
  if (encoding === 'gzip') return gzip(data, GZIP);
  if (encoding === 'zstd') return zstd(data, ZSTD);
  return data;
}
