// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type http2 from 'node:http2';
import { zstdCompressSync } from 'node:zlib';
import type { ExportResponse } from '@opentelemetry/otlp-exporter-base';
import { ExportError } from '../../../src/export/export-error.ts';
import { fromStatus } from '../../../src/export/failure-grpc.ts';
import { fromHttpAnswer } from '../../../src/export/failure-http.ts';
import { GrpcAnswer } from '../../../src/export/grpc-answer.ts';
import { readPartialSuccess, readRetryDelay } from '../../../src/export/otlp-response.ts';
import { nextDelay } from '../../../src/export/retry.ts';
import type { Target } from '../../support/fuzzer.ts';

const URL = 'http://receiver:4317';
const MEDIA = ['application/json', 'application/x-protobuf', 'text/plain; charset=utf-8', 'text/html', ''];
const STATUSES = [200, 204, 301, 400, 401, 404, 413, 415, 429, 503, 505, 999];
/** The longest message and what stands around it; one line of a log. */
const LINE_MAX = 1000;

const bytes = (...parts: readonly (number | string)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));
const framed = (message: Uint8Array, packed = 0) => {
  const head = Buffer.of(packed, 0, 0, 0, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

/** ExportLogsServiceResponse with partial_success. */
const PARTIAL = bytes(0x0a, 9, 0x08, 3, 0x12, 5, 'sorry');
/** google.rpc.Status with RetryInfo of 2.5 s. */
const TYPE = 'type.googleapis.com/google.rpc.RetryInfo';
const RETRY = bytes(
  0x08,
  8,
  0x12,
  2,
  'no',
  0x1a,
  54,
  0x0a,
  40,
  TYPE,
  0x12,
  10,
  0x0a,
  8,
  0x08,
  2,
  0x10,
  128,
  202,
  181,
  238,
  1,
);

type Head = http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
const headers = (status: number, more: http2.IncomingHttpHeaders = {}) =>
  ({ ':status': status, 'content-type': 'application/grpc', ...more }) as Head;

/** What goes first chooses the way in. */
const WAYS: readonly ((input: Buffer) => string)[] = [
  (input) => {
    const partial = readPartialSuccess(input);
    if (partial === undefined) return 'nothing rejected';
    assert.ok(Number.isSafeInteger(partial.rejected) && partial.rejected >= 0, `${partial.rejected}`);
    assertLine(partial.message);
    return `${partial.rejected > 0 ? 'some' : 'none'} rejected${partial.message === '' ? '' : ' with a word'}`;
  },
  (input) => {
    const delay = readRetryDelay(input);
    const waits = nextDelay(1, delay, () => 0.5);
    assert.ok(waits >= 0 && waits < 2 ** 31, `${waits} ms of ${delay}`);
    return delay === undefined
      ? 'no delay'
      : delay === 0
        ? 'at once'
        : `10^${Math.floor(Math.log10(delay))} ms`;
  },
  (input) => {
    const [status, media, length] = [input[0] ?? 0, input[1] ?? 0, (input[2] ?? 0) % 32];
    const retryAfter = input.toString('latin1', 3, 3 + length);
    const answer = { status: STATUSES[status % STATUSES.length]!, contentType: MEDIA[media % MEDIA.length]! };
    return told(
      fromHttpAnswer(
        URL,
        { ...answer, retryAfter, location: retryAfter, body: input.subarray(3 + length) },
        0,
      ),
    );
  },
  (input) => {
    const half = input.length >> 1;
    return told(fromStatus(URL, input[0] ?? 0, input.toString('utf8', 1, half), input.subarray(half)));
  },
  (input) => {
    const answer = new GrpcAnswer();
    const half = input.length >> 1;
    const encoding = (input[0] ?? 0) & 1 ? 'zstd' : 'gzip';
    answer.head(headers(200, { 'grpc-encoding': encoding }));
    answer.body(input.subarray(1, half));
    answer.body(input.subarray(half));
    answer.tail({ 'grpc-status': '0' });
    const read = answer.read(URL, 'none');
    assert.ok(read.status === 'success');
    return `${read.data!.length > 0 ? 'a message' : 'nothing'} by gRPC, ${encoding}`;
  },
  (input) => {
    const answer = new GrpcAnswer();
    answer.head(headers(STATUSES[(input[0] ?? 0) % STATUSES.length]!));
    const [status = '', message = '', details = ''] = input.toString('latin1', 1).split('\n');
    answer.tail({ 'grpc-status': status, 'grpc-message': message, 'grpc-status-details-bin': details });
    const read = answer.read(URL, 'gzip');
    return read.status === 'undecodable' ? 'undecodable' : told(read);
  },
];

function assertLine(text: string): void {
  assert.ok(!/[\p{Cc}\u2028\u2029]/u.test(text), `no line: ${JSON.stringify(text)}`);
  assert.ok(text.length < LINE_MAX, `${text.length} characters`);
}

function told(failure: ExportResponse | undefined): string {
  if (failure === undefined || failure.status === 'success') return 'taken';
  assert.ok(failure.error instanceof ExportError, `${failure.error}`);
  assertLine(failure.error.message);
  const delay = failure.status === 'retryable' ? failure.retryInMillis : undefined;
  assert.ok(delay === undefined || delay >= 0, `${delay} ms`);
  return `${failure.status} ${failure.error.kind}${delay === undefined ? '' : ' in a while'}`;
}

/** What a receiver answers, over gRPC and HTTP: never a throw, a count that is one, a text that is one line. */
export const answers: Target = {
  name: 'answers',
  share: 2_000_000,
  seeds: () => [
    bytes(0, PARTIAL.toString('latin1')),
    bytes(0, '{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"sorry"}}'),
    Buffer.concat([Buffer.of(1), RETRY]),
    bytes(2, 8, 0, 2, '30', '{"message":"later"}'),
    bytes(2, 9, 2, 29, 'Sun, 22 Nov 2026 08:00:00 GMT', 'text'),
    Buffer.concat([bytes(3, 8, 'too many xx'), RETRY]),
    Buffer.concat([bytes(4, 0), framed(PARTIAL)]),
    Buffer.concat([bytes(4, 1), framed(zstdCompressSync(PARTIAL), 1)]),
    bytes(5, 0, `8\nlater%20please\n${RETRY.toString('base64')}`),
  ],
  tokens: ['"errorMessage":"', '{"partialSuccess":', '%', '\n', TYPE, '-1', '1e300', 'Infinity'].map(
    (token) => Buffer.from(token),
  ),
  run(input) {
    const way = (input[0] ?? 0) % WAYS.length;
    return `${way}: ${WAYS[way]!(input.subarray(1))}`;
  },
};
