// SPDX-License-Identifier: Apache-2.0
// A receiver in a process of its own: tells its URL, then after each request how many records it has acknowledged.
import { readFileSync } from 'node:fs';
import { OtlpSink } from '../support/otlp-sink.ts';
import { childArgument } from './child.ts';

/** What its parent gives. */
export interface ReceiverOptions {
  readonly protocol?: 'grpc' | 'http';
  /** Paths of PEM files: with them it speaks TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

const { protocol, tls } = childArgument<ReceiverOptions>();
const sink = await OtlpSink.start({
  counting: true,
  ...(protocol && { protocol }),
  ...(tls && { tls: { key: readFileSync(tls.key), cert: readFileSync(tls.cert) } }),
});
process.once('disconnect', () => process.exit());
// The parent may go while a last count is on its way.
process.on('error', () => process.exit());
process.send?.({ url: sink.url });
await sink.until(() => {
  process.send?.({ count: sink.count });
  return false;
});
