// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { unpackDebian } from './debian.ts';
import { eventually } from './eventually.ts';
import { repository } from './repository.ts';
import { type Server, startServer } from './server.ts';
import type { SkipReason } from './skip.ts';

/** What the receiver understood of a message. */
export interface SyslogMessage {
  readonly priority: string;
  /** RFC 3339 */
  readonly time: string;
  readonly host: string;
  readonly app: string;
  readonly pid: string;
  readonly id: string;
  readonly data: string;
  readonly message: string;
}

export interface Rsyslog extends Server {
  /**
   * Sends messages over one connection, each with its length before it (RFC 6587, octet counting); what the receiver made
   * of them, in its order.
   */
  exchange(messages: readonly Buffer[]): Promise<SyslogMessage[]>;
}

/** The last message of a connection: what was sent before it has been received before it. */
const MARK = 'mark';
const mark = (id: number) => Buffer.from(`<110>1 - - ${MARK} ${id} - -`);

/** rsyslogd and its libraries, out of Debian's packages. */
export const fetchRsyslog = (): Promise<string | SkipReason> =>
  unpackDebian(['rsyslog', 'libestr0', 'libfastjson4', 'liblognorm5']);

/** Starts one with its files in `dir`, and waits until it has taken a message. */
export async function startRsyslog(folder: string, dir: string): Promise<Rsyslog> {
  const libraries = join(folder, 'usr/lib', await multiarch(folder));
  const config = join(dir, 'rsyslog.conf');
  const path = join(dir, 'received.jsonl');
  await mkdir(dir, { recursive: true });
  await copyFile(join(repository, 'test/backends/rsyslog.conf'), config);
  const received = () => {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const lines = text.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as SyslogMessage);
  };
  let marks = 0;
  const server = await startServer({
    name: 'rsyslog',
    dir,
    log: 'rsyslog',
    ports: 1,
    command: ([port]) => ({
      file: join(folder, 'usr/sbin/rsyslogd'),
      // It changes to /: only full paths hold.
      args: ['-n', '-f', config, '-i', join(dir, 'rsyslog.pid'), '-M', join(libraries, 'rsyslog')],
      env: { LD_LIBRARY_PATH: libraries, SYSLOG_DIR: dir, SYSLOG_PORT: String(port) },
    }),
    ready: async ([port]) => {
      await send(port!, [mark(0)]);
      return received().length > 0;
    },
  });
  return {
    ...server,
    async exchange(messages) {
      const last = ++marks;
      const before = received().length;
      await send(server.ports[0]!, [...messages, mark(last)]);
      const isLast = ({ app, pid }: SyslogMessage) => app === MARK && pid === String(last);
      await eventually(() => received().some(isLast));
      return received()
        .slice(before)
        .filter(({ app }) => app !== MARK);
    },
  };
}

/** The folder of libraries, whatever the machine's architecture is called. */
async function multiarch(folder: string): Promise<string> {
  const names = await readdir(join(folder, 'usr/lib'));
  return names.find((name) => /-linux-gnu/.test(name))!;
}

async function send(port: number, messages: readonly Buffer[]): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  for (const message of messages) socket.write(Buffer.concat([Buffer.from(`${message.length} `), message]));
  socket.end();
  await once(socket, 'close');
}
