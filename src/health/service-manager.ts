// SPDX-License-Identifier: Apache-2.0
import { log } from '../log.ts';
import type { Native } from '../sensor/native.ts';

/** Half of what is asked for, as sd_watchdog_enabled(3) advises; and how often the status line changes. */
const PARTS = 2;
const STATUS_MS = 10_000;

/** Tells systemd how the agent is (sd_notify(3)). Nobody listens = it does nothing. */
export class ServiceManager {
  readonly #native: Pick<Native, 'sendDatagram'>;
  readonly #socket: string | undefined;
  readonly #watchdogMs: number | undefined;
  #timers: NodeJS.Timeout[] = [];
  #failed = false;

  /** @param env NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID */
  constructor(native: Pick<Native, 'sendDatagram'>, env: Readonly<Record<string, string | undefined>>) {
    this.#native = native;
    const { NOTIFY_SOCKET: socket = '', WATCHDOG_USEC: microseconds = '', WATCHDOG_PID: pid } = env;
    this.#socket = /^[/@]./.test(socket) ? socket : undefined;
    const isOurs = pid === undefined || Number(pid) === process.pid;
    const every = Number(microseconds) / 1000;
    this.#watchdogMs = isOurs && every >= 1 ? every : undefined;
  }

  /** Everything is attached. @param status a line for `systemctl status`, asked anew from time to time */
  ready(status: () => string): void {
    if (this.#socket === undefined) return;
    this.#send(`READY=1\nMAINPID=${process.pid}\nSTATUS=${status()}`);
    this.#every(STATUS_MS, () => this.#send(`STATUS=${status()}`));
    if (this.#watchdogMs === undefined) return;
    this.#send('WATCHDOG=1');
    this.#every(this.#watchdogMs / PARTS, () => this.#send('WATCHDOG=1'));
  }

  stopping(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    this.#send('STOPPING=1\nSTATUS=delivers what is left');
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms).unref());
  }

  #send(text: string): void {
    if (this.#socket === undefined) return;
    try {
      this.#native.sendDatagram(this.#socket, text);
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) log.debug(`NOTIFY_SOCKET: ${(error as Error).message}`);
      this.#failed = true;
    }
  }
}
