// SPDX-License-Identifier: Apache-2.0
import type { Key } from '../otlp-bytes.ts';
import type { Writer } from '../otlp-writer.ts';

/** Where a process comes from. The children of one parent share it. */
export class Ancestry {
  /** `pid:name`, nearest first. */
  readonly labels: readonly string[];
  #wasWritten = false;
  #encoded: Uint8Array | undefined;

  constructor(labels: readonly string[]) {
    this.labels = labels;
  }

  /** Writes the labels as an attribute, always the same one; nothing when there are none. */
  write(key: Key, out: Writer): void {
    if (this.labels.length === 0) return;
    if (this.#encoded) {
      out.whole(this.#encoded);
      return;
    }
    const start = out.at;
    out.attribute(key, this.labels);
    // Many processes have a single child: their bytes are not worth keeping.
    if (this.#wasWritten) this.#encoded = Uint8Array.prototype.slice.call(out.bytes, start, out.at);
    this.#wasWritten = true;
  }
}

export const NO_ANCESTRY: Ancestry = new Ancestry([]);
