// SPDX-License-Identifier: Apache-2.0
import type http from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExportResponse } from '@opentelemetry/otlp-exporter-base';
import { nodeHttp } from '../node-http.ts';
import type { Compression } from './compression.ts';
import { dial } from './dial.ts';
import { closedFailure } from './export-error.ts';
import { fromConnection, fromDeadline, type Progress } from './failure-connection.ts';
import { fromHttpAnswer, type HttpAnswer } from './failure-http.ts';
import type { Receiver } from './receiver.ts';
import type { Exchange, Undecodable } from './transport.ts';
import { USER_AGENT } from './user-agent.ts';

/** The answer is empty, a partial success or a short text: more is not read. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Those of the sender's requests in flight: more would never be used. */
const CONNECTIONS = 2;

const CONTENT_TYPES = { 'http/protobuf': 'application/x-protobuf', 'http/json': 'application/json' } as const;

/** OTLP over HTTP/1.1 with connections that are kept. */
export class HttpExchange implements Exchange {
  readonly #receiver: Receiver;
  readonly #agent: DiallingAgent;
  readonly #headers: http.OutgoingHttpHeaders;
  readonly #requests = new Set<http.ClientRequest>();
  /** Whether the receiver has ever answered like an HTTP server: then a broken connection is only that. */
  #hasAnswered = false;
  #closed = false;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
    this.#agent = new DiallingAgent(receiver);
    this.#headers = {
      'user-agent': USER_AGENT,
      // What describes the request cannot be overridden.
      ...receiver.headers,
      host: receiver.authority,
      'content-type': CONTENT_TYPES[receiver.protocol === 'http/json' ? 'http/json' : 'http/protobuf'],
    };
  }

  close(): void {
    this.#closed = true;
    for (const request of this.#requests) request.destroy();
    this.#agent.close();
  }

  request(
    message: Uint8Array,
    encoding: Compression,
    timeoutMillis: number,
  ): Promise<ExportResponse | Undecodable> {
    const receiver = this.#receiver;
    const request = nodeHttp.request({
      agent: this.#agent,
      method: 'POST',
      path: receiver.path,
      setHost: false,
      headers: {
        ...this.#headers,
        'content-length': message.byteLength,
        ...(encoding !== 'none' && { 'content-encoding': encoding }),
      },
    });
    this.#requests.add(request);
    const answer = new AnswerReader();

    return new Promise((resolve) => {
      let failure: NodeJS.ErrnoException | undefined;
      const progress = (): Progress =>
        this.#hasAnswered ? 'speaking' : request.socket ? 'connected' : 'connecting';
      // The socket keeps the process alive while it waits; the timer need not.
      const deadline = setTimeout(() => {
        const late = fromDeadline(receiver, progress(), timeoutMillis);
        request.destroy();
        // A request without a connection would be closed only when there is one.
        end(() => late);
      }, timeoutMillis).unref();
      const end = (outcome: () => ExportResponse | Undecodable | Promise<ExportResponse | Undecodable>) => {
        clearTimeout(deadline);
        if (this.#requests.delete(request)) resolve(outcome());
      };

      request.on('response', (response) => {
        this.#hasAnswered = true;
        answer.read(response, () => {
          // A refusal may come before the whole request was sent: the rest need not be.
          if (!request.writableFinished) request.destroy();
        });
      });
      request.on('error', (error) => (failure = error));
      request.once('close', () =>
        end(() => {
          if (answer.status !== 0) return understand(receiver.url, answer.value, encoding);
          if (this.#closed) return closedFailure(receiver.url);
          // A receiver may close a kept connection at the moment in which it is used again.
          if (request.reusedSocket && isReset(failure)) return this.request(message, encoding, timeoutMillis);
          return fromConnection(receiver, progress(), failure);
        }),
      );
      request.end(message);
    });
  }
}

/** What the answer means; one that may be about the codec of the request is left to the transport. */
function understand(url: string, answer: HttpAnswer, encoding: Compression): ExportResponse | Undecodable {
  const failure = fromHttpAnswer(url, answer);
  if (failure === undefined) return { status: 'success', data: answer.body };
  const isAboutCodec = answer.status === 415 || (answer.status === 400 && failure.error.kind === 'rejected');
  return encoding !== 'none' && isAboutCodec ? { status: 'undecodable', otherwise: failure } : failure;
}

const isReset = (error: NodeJS.ErrnoException | undefined): boolean =>
  error?.code === 'ECONNRESET' || error?.code === 'EPIPE';

/** Takes an answer as it comes in. */
class AnswerReader {
  status = 0;
  #head: Omit<HttpAnswer, 'body'> = { status: 0, contentType: '' };
  readonly #chunks: Buffer[] = [];
  #size = 0;

  /** `done`: nothing more needs to be heard. */
  read(response: http.IncomingMessage, done: () => void): void {
    const { 'content-type': contentType = '', 'retry-after': retryAfter, location } = response.headers;
    this.status = response.statusCode ?? 0;
    this.#head = {
      status: this.status,
      contentType,
      ...(retryAfter !== undefined && { retryAfter }),
      ...(location !== undefined && { location }),
    };
    response.on('data', (chunk: Buffer) => {
      if ((this.#size += chunk.length) <= MAX_ANSWER_BYTES) this.#chunks.push(chunk);
      else response.destroy();
    });
    // The status has been said: what is missing behind it changes nothing.
    response.on('error', () => {});
    response.once('end', done);
  }

  get value(): HttpAnswer {
    return { ...this.#head, body: Buffer.concat(this.#chunks) };
  }
}

/** Keeps connections that {@link dial} made. */
class DiallingAgent extends nodeHttp.Agent {
  readonly #receiver: Receiver;
  readonly #dialling = new Set<AbortController>();

  constructor(receiver: Receiver) {
    super({ keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: CONNECTIONS });
    this.#receiver = receiver;
  }

  override createConnection(
    _options: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const dialling = new AbortController();
    this.#dialling.add(dialling);
    // The request that asked for it has ended by then: its place is for another one.
    const limit = setTimeout(() => dialling.abort(), this.#receiver.timeoutMillis).unref();
    const done = callback as (error: Error | null, stream?: Duplex) => void;
    dial(this.#receiver, 'http/1.1', dialling.signal)
      .then(
        (socket) => done(null, socket),
        (error) => done(error),
      )
      .finally(() => {
        clearTimeout(limit);
        this.#dialling.delete(dialling);
      });
  }

  close(): void {
    for (const dialling of this.#dialling) dialling.abort();
    this.destroy();
  }
}
