// SPDX-License-Identifier: Apache-2.0
// A receiver in a process of its own: tells its URL, then after each request how many records it has acknowledged.
import { OtlpSink } from '../support/otlp-sink.ts';

const sink = await OtlpSink.start({ counting: true });
process.once('disconnect', () => process.exit());
process.send?.({ url: sink.url });
await sink.until(() => {
  process.send?.({ count: sink.count });
  return false;
});
