// SPDX-License-Identifier: Apache-2.0
import { parseKeyPairsIntoRecord } from '@opentelemetry/core';
import { nodeHttp } from '../node-http.ts';
import { UsageError } from './usage-error.ts';

/** `process.env`, or what stands for it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The part of a variable's name that selects a signal (OTEL_EXPORTER_OTLP_LOGS_ENDPOINT). */
export type Signal = 'LOGS' | 'METRICS';

export const PROTOCOLS = ['grpc', 'http/protobuf', 'http/json'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export const COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;
export type CompressionName = (typeof COMPRESSIONS)[number];

/** A value and the name of what set it (`--endpoint`, `OTEL_EXPORTER_OTLP_ENDPOINT`), for messages. */
export interface Named<T> {
  readonly name: string;
  readonly value: T;
}

/** How one signal is to be sent, as the user said it: nothing is completed, read or checked here but for its form. */
export interface ReceiverSettings {
  readonly signal: Signal;
  /** Absent: grpc, or http/protobuf when the endpoint's port is 4318. */
  readonly protocol?: Named<Protocol>;
  /** Absent: http://localhost:4317 (grpc), http://localhost:4318 (http). */
  readonly endpoint?: Named<string>;
  /** A per-signal endpoint: HTTP uses it as it is, without /v1/logs. */
  readonly isSignalEndpoint: boolean;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The time of one attempt. */
  readonly timeoutMillis: number;
  /** Absent: none to this host, gzip elsewhere. */
  readonly compression?: Named<CompressionName>;
  /** Decides for endpoints without a scheme. */
  readonly insecure?: Named<boolean>;
  /** Paths of PEM files: the certificates to trust instead of the built-in ones, our own certificate, its key. */
  readonly ca?: Named<string>;
  readonly cert?: Named<string>;
  readonly key?: Named<string>;
}

/** What flags and AGENTSMITH_* say; it wins over the variables, for both signals alike. */
export type ReceiverOverrides = Partial<Omit<ReceiverSettings, 'signal' | 'isSignalEndpoint'>>;

/** The specification's default for OTEL_EXPORTER_OTLP_TIMEOUT. */
const TIMEOUT_MS = 10_000;

/**
 * Reads OTEL_EXPORTER_OTLP_* of a signal, the signal's own variable before the general one; an empty one is as good as
 * none. `warn` gets one line for each value that is ignored; values are not shown where they may be secret.
 *
 * @throws UsageError for headers that HTTP cannot carry: without them, records would go to somebody else's tenant
 */
export function receiverSettings(
  signal: Signal,
  env: Environment,
  given: ReceiverOverrides = {},
  warn: (line: string) => void = () => {},
): ReceiverSettings {
  const read = (what: string) => variable(signal, env, what);
  const endpoint = given.endpoint ?? read('ENDPOINT');
  const own: Partial<Record<keyof ReceiverSettings, unknown>> = {
    protocol: given.protocol ?? oneOf(read('PROTOCOL'), PROTOCOLS, warn),
    endpoint,
    compression: given.compression ?? oneOf(read('COMPRESSION'), COMPRESSIONS, warn),
    insecure: given.insecure ?? truth(read('INSECURE'), warn),
    ca: given.ca ?? read('CERTIFICATE'),
    cert: given.cert ?? read('CLIENT_CERTIFICATE'),
    key: given.key ?? read('CLIENT_KEY'),
  };
  return {
    signal,
    isSignalEndpoint: endpoint?.name === nameOf(signal, 'ENDPOINT'),
    headers: { ...headers(signal, env, warn), ...given.headers },
    timeoutMillis: given.timeoutMillis ?? timeout(signal, env, warn),
    ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)),
  };
}

const nameOf = (signal: Signal | undefined, what: string) =>
  `OTEL_EXPORTER_OTLP_${signal === undefined ? '' : `${signal}_`}${what}`;

function variable(signal: Signal, env: Environment, what: string): Named<string> | undefined {
  for (const name of [nameOf(signal, what), nameOf(undefined, what)]) {
    const value = env[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}

function oneOf<const T extends string>(
  setting: Named<string> | undefined,
  words: readonly T[],
  warn: (line: string) => void,
): Named<T> | undefined {
  if (setting === undefined) return undefined;
  const word = words.find((each) => each === setting.value.toLowerCase());
  if (word !== undefined) return { name: setting.name, value: word };
  warn(`${setting.name}=${setting.value} is none of ${words.join(', ')}; ignored`);
  return undefined;
}

function truth(setting: Named<string> | undefined, warn: (line: string) => void): Named<boolean> | undefined {
  const word = oneOf(setting, ['true', 'false'], warn);
  return word && { name: word.name, value: word.value === 'true' };
}

function timeout(signal: Signal, env: Environment, warn: (line: string) => void): number {
  for (const of of [signal, undefined]) {
    const name = nameOf(of, 'TIMEOUT');
    const text = env[name]?.trim();
    if (!text) continue;
    const value = Number(text);
    // setTimeout takes no more.
    if (value > 0 && value < 2 ** 31) return value;
    warn(`${name}=${text} is no number of milliseconds greater than 0; ignored`);
  }
  return TIMEOUT_MS;
}

/** Both variables count; the signal's own wins name by name. */
function headers(signal: Signal, env: Environment, warn: (line: string) => void): Record<string, string> {
  const all: Record<string, string> = {};
  for (const name of [nameOf(undefined, 'HEADERS'), nameOf(signal, 'HEADERS')]) {
    const text = env[name]?.trim();
    if (!text) continue;
    for (const [i, pair] of text.split(',').entries()) {
      const [entry] = Object.entries(parseKeyPairsIntoRecord(pair));
      if (entry !== undefined) addHeader(all, name, ...entry);
      // Without the text: it is likely a secret.
      else if (pair.trim() !== '') warn(`${name}: entry ${i + 1} is no NAME=VALUE; ignored`);
    }
  }
  return all;
}

/** Adds a header under its name in lower case. @throws UsageError that names `setting`, and never shows the value */
export function addHeader(all: Record<string, string>, setting: string, name: string, value: string): void {
  try {
    nodeHttp.validateHeaderName(name);
    nodeHttp.validateHeaderValue(name, value);
  } catch {
    throw new UsageError(`${setting}: "${name}" is no valid header name, or its value no valid header value`);
  }
  all[name.toLowerCase()] = value;
}
