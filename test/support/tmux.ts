// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

/** A terminal that somebody looks at: what a program draws comes out as the lines of its screen. */
export class Terminal {
  /** For the socket of a server of our own: its options and sessions are nobody else's. */
  readonly #folder = mkdtempSync(join(tmpdir(), 'agentsmith-tmux-'));

  /** Runs a shell command in it; the screen stays when that ends. */
  constructor(command: string, size: { readonly columns: number; readonly rows: number }) {
    this.#tmux('-f', '/dev/null', 'new-session', '-d', ...sizeFlags(size), `${command}; exec sleep 600`);
    this.#tmux('set-option', '-g', 'status', 'off');
    this.resize(size);
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-S', join(this.#folder, 'socket'), ...args], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  }

  resize(size: { readonly columns: number; readonly rows: number }): void {
    this.#tmux('resize-window', ...sizeFlags(size));
  }

  /** The lines that are seen, blanks at their ends left out; `colours`: with what switches colours. */
  screen({ colours = false } = {}): string[] {
    const text = this.#tmux('capture-pane', '-p', ...(colours ? ['-e'] : []));
    return text.replace(/\n$/, '').split('\n');
  }

  /** Looks until the screen is right. */
  async until(what: string, isRight: (lines: readonly string[]) => boolean): Promise<readonly string[]> {
    let lines: readonly string[] = [];
    try {
      await eventually(() => isRight((lines = this.screen())), 30_000);
    } catch {
      throw new Error(`the screen does not show ${what}:\n${lines.join('\n')}`);
    }
    return lines;
  }

  type(keys: string): void {
    this.#tmux('send-keys', keys);
  }

  close(): void {
    this.#tmux('kill-server');
    rmSync(this.#folder, { recursive: true });
  }
}

const sizeFlags = ({ columns, rows }: { readonly columns: number; readonly rows: number }) => [
  '-x',
  `${columns}`,
  '-y',
  `${rows}`,
];
