// SPDX-License-Identifier: Apache-2.0

/**
 * The small messages a receiver may answer with, as protobuf or as JSON. All come from outside a root process: every length is
 * checked, work is bounded by the input, and any bytes at all give a result instead of an exception.
 */

/** What a receiver says it did not keep of an otherwise accepted request. */
export interface PartialSuccess {
  /** Records (logs) or data points (metrics) that were rejected. A receiver may also warn with 0 rejected. */
  readonly rejected: number;
  /** The receiver's own words, on one line; empty when it gave none. */
  readonly message: string;
}

/** Text of a receiver ends up in our log: longer than this is a mistake or malice. */
const MAX_MESSAGE = 300;
/** What JSON begins with; in protobuf it would open a group, which these messages do not have. */
const OPENING_BRACE = 0x7b;

/**
 * Reads `partial_success` from an ExportLogsServiceResponse or ExportMetricsServiceResponse (same field
 * numbers in opentelemetry-proto). `undefined` when everything was accepted or the bytes make no sense.
 */
export function readPartialSuccess(response: Uint8Array): PartialSuccess | undefined {
  if (response[0] === OPENING_BRACE) return readJsonPartialSuccess(response);
  let rejected = 0;
  let message = '';
  for (const [field, value] of fields(response)) {
    if (field !== 1 || typeof value === 'number') continue;
    for (const [inner, part] of fields(value)) {
      if (inner === 1 && typeof part === 'number') rejected = part;
      else if (inner === 2 && typeof part !== 'number') message = oneLine(utf8.decode(part));
    }
  }
  return rejected > 0 || message !== '' ? { rejected, message } : undefined;
}

function readJsonPartialSuccess(response: Uint8Array): PartialSuccess | undefined {
  const { partialSuccess } = parseJson(response) as { partialSuccess?: Record<string, unknown> };
  if (typeof partialSuccess !== 'object' || partialSuccess === null) return undefined;
  const { rejectedLogRecords, rejectedDataPoints, errorMessage } = partialSuccess;
  // 64-bit integers are strings in JSON.
  const rejected = Number(rejectedLogRecords ?? rejectedDataPoints ?? 0);
  const message = typeof errorMessage === 'string' ? oneLine(errorMessage) : '';
  const isCount = Number.isSafeInteger(rejected) && rejected > 0;
  return isCount || message !== '' ? { rejected: isCount ? rejected : 0, message } : undefined;
}

/** What a receiver says beside an HTTP status: the message of a google.rpc.Status, or the beginning of a text. */
export function readStatusMessage(body: Uint8Array, contentType: string): string {
  if (/^application\/json\b/i.test(contentType)) {
    const { message } = parseJson(body) as { message?: unknown };
    return typeof message === 'string' ? oneLine(message) : '';
  }
  if (/^text\/plain\b/i.test(contentType)) return oneLine(utf8.decode(body.subarray(0, 4 * MAX_MESSAGE)));
  if (!/^application\/(?:x-)?protobuf\b/i.test(contentType)) return '';
  for (const [field, value] of fields(body))
    if (field === 2 && typeof value !== 'number') return oneLine(utf8.decode(value));
  return '';
}

/** An empty object when it is none. */
function parseJson(bytes: Uint8Array): object {
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/**
 * Reads the delay of a google.rpc.RetryInfo out of a google.rpc.Status (the content of
 * `grpc-status-details-bin`), in milliseconds. `undefined` when there is none.
 */
export function readRetryDelay(status: Uint8Array): number | undefined {
  for (const [field, detail] of fields(status)) {
    if (field !== 3 || typeof detail === 'number') continue;
    let isRetryInfo = false;
    let content: Uint8Array | undefined;
    for (const [inner, value] of fields(detail)) {
      if (typeof value === 'number') continue;
      if (inner === 1) isRetryInfo = utf8.decode(value).endsWith('/google.rpc.RetryInfo');
      else if (inner === 2) content = value;
    }
    if (isRetryInfo) return readDuration(content);
  }
  return undefined;
}

/** Makes text of a receiver fit for a log line: no control characters, bounded length. */
export function oneLine(text: string): string {
  const clean = text.replace(/[\p{C}\s]+/gu, ' ').trim();
  return clean.length > MAX_MESSAGE ? `${clean.slice(0, MAX_MESSAGE)}…` : clean;
}

const utf8 = new TextDecoder();

function readDuration(retryInfo: Uint8Array | undefined): number | undefined {
  for (const [field, duration] of fields(retryInfo ?? new Uint8Array())) {
    if (field !== 1 || typeof duration === 'number') continue;
    let seconds = 0;
    let nanos = 0;
    for (const [inner, value] of fields(duration)) {
      if (typeof value !== 'number') continue;
      if (inner === 1) seconds = value;
      else if (inner === 2) nanos = value;
    }
    return seconds * 1000 + Math.ceil(nanos / 1e6);
  }
  return undefined;
}

/** Yields varints as numbers and length-delimited fields as views; ends silently where the bytes go wrong. */
function* fields(bytes: Uint8Array): Generator<[field: number, value: number | Uint8Array]> {
  let at = 0;

  /** -1 = malformed. A tenth byte means a negative int64, here 0: no field that is read may be negative. */
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) return -1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return shift === 63 ? 0 : Math.min(value, Number.MAX_SAFE_INTEGER);
    }
    return -1;
  };

  while (at < bytes.length) {
    const tag = varint();
    if (tag < 8) return;
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: {
        const value = varint();
        if (value < 0) return;
        yield [field, value];
        break;
      }
      case 2: {
        const length = varint();
        if (length < 0 || length > bytes.length - at) return;
        yield [field, bytes.subarray(at, (at += length))];
        break;
      }
      case 1:
        at += 8;
        break;
      case 5:
        at += 4;
        break;
      default:
        return;
    }
  }
}
