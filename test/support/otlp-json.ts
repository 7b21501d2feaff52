// SPDX-License-Identifier: Apache-2.0

/** An OTLP value as a test would write it down; an int that a JS number cannot hold is a bigint. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | Value[]
  | { [key: string]: Value };
export type Attributes = Record<string, Value>;

export interface KeyValue {
  key: string;
  value: AnyValue;
}
export interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string | number;
  doubleValue?: number | string;
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: KeyValue[] };
  bytesValue?: string;
}

/** Throws where a key is there twice: an object would keep the last one and hide the encoder's mistake. */
export function attributesOf(list: KeyValue[] = []): Attributes {
  const attributes: Attributes = {};
  for (const { key, value } of list) {
    if (Object.hasOwn(attributes, key)) throw new Error(`the attribute ${key} is there twice`);
    attributes[key] = plain(value);
  }
  return attributes;
}

/** Null for a value that holds nothing. */
export function plain(value: AnyValue): Value {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) return integer(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue); // NaN and ±Infinity come as strings.
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(plain);
  if (value.kvlistValue) return attributesOf(value.kvlistValue.values);
  if (value.bytesValue !== undefined) return new Uint8Array(Buffer.from(value.bytesValue, 'base64'));
  return null;
}

/** OTLP-JSON writes 64-bit integers as strings. */
export function integer(text: string | number): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}
