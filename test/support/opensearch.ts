// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fetchJars } from './maven.ts';
import { repository } from './repository.ts';
import { answers, type Server, startServer } from './server.ts';
import type { SkipReason } from './skip.ts';

const SOURCES = join(repository, 'test/backends/opensearch');

export interface OpenSearch extends Server {
  readonly url: string;
  /** Sends a body, JSON or lines of it, and gives the answer. @throws unless it is one of success */
  ask(method: 'GET' | 'PUT' | 'POST', path: string, body?: string | object): Promise<Record<string, unknown>>;
}

/** The class path of an OpenSearch node. */
export async function fetchOpenSearch(): Promise<string | SkipReason> {
  try {
    execFileSync('javac', ['-version'], { stdio: 'ignore' });
  } catch {
    return {
      skipped: 'the Java compiler is not installed, and the OpenSearch node of the tests is a source file',
    };
  }
  return fetchJars('opensearch', join(SOURCES, 'pom.xml'));
}

/** Starts a node with its files in `dir`, and waits until its cluster works. */
export async function startOpenSearch(classPath: string, dir: string): Promise<OpenSearch> {
  const server = await startServer({
    name: 'OpenSearch',
    dir,
    log: 'opensearch',
    ports: 1,
    command: ([port]) => ({
      file: 'java',
      args: [
        ...['-Xms256m', '-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'],
        ...['-cp', classPath, join(SOURCES, 'TestNode.java'), join(dir, 'home'), String(port)],
      ],
    }),
    ready: ([port]) => answers(`http://127.0.0.1:${port}/_cluster/health?wait_for_status=yellow&timeout=1s`),
    timeoutMs: 180_000,
    // The JVM's own way to say that SIGTERM ended it.
    goodEnd: /^exit 143$/,
  });
  const url = `http://127.0.0.1:${server.ports[0]}`;
  return {
    ...server,
    url,
    async ask(method, path, body) {
      const type = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
      const answer = await fetch(url + path, {
        method,
        ...(body !== undefined && {
          headers: { 'content-type': type },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      return JSON.parse(text) as Record<string, unknown>;
    },
  };
}
