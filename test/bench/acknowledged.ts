// SPDX-License-Identifier: Apache-2.0
import { Child } from './child.ts';

/** Without any answer for so long the measurement has failed. */
const STUCK_MS = 20_000;

/** A receiver in another process, and how many records it has acknowledged. */
export class Acknowledged {
  readonly url: string;
  count = 0;
  readonly #child: Child;
  readonly #waiting = new Set<() => void>();

  static async start(): Promise<Acknowledged> {
    const child = new Child('receiver.ts');
    const { url } = await child.next<{ url: string }>();
    return new Acknowledged(child, url);
  }

  private constructor(child: Child, url: string) {
    this.#child = child;
    this.url = url;
    child.onMessage = (message) => {
      this.count = (message as { count: number }).count;
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    };
  }

  /** Resolves when so many records were acknowledged; undefined when they are already. @throws when nothing comes */
  atLeast(count: number): Promise<void> | undefined {
    return this.count >= count ? undefined : this.#wait(count);
  }

  async #wait(count: number): Promise<void> {
    while (this.count < count) {
      const before = this.count;
      let timer: NodeJS.Timeout | undefined;
      // A message without news (of metrics, or the receiver's first) says nothing yet.
      const isStuck = await new Promise<boolean>((resolve) => {
        this.#waiting.add(() => resolve(false));
        timer = setTimeout(() => resolve(true), STUCK_MS);
      });
      clearTimeout(timer);
      if (isStuck) throw new Error(`the receiver has ${before} of ${count} records and gets no more`);
    }
  }

  async end(): Promise<void> {
    await this.#child.end();
  }
}
