// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { RawEvent } from '../../src/decode/record.ts';
import type { HostContext, Process } from '../../src/enrich/process.ts';
import { type ReadableEvent, type RunnableEvent, runnable } from '../../src/events/event.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import { Batches } from '../../src/export/batches.ts';
import type { Sensor } from '../../src/sensor/sensor.ts';
import { decodeLogs, type LogRecord } from './otlp-decode.ts';

/** The ways in which the watch has every event written; the first is the default. */
export const VIEWS = ['standard', 'lean', 'all', 'unredacted'] as const;
export type ViewName = (typeof VIEWS)[number];

const NOTHING = new Uint8Array(0);

/** Makes records of events twice, readable and as straight bytes, and compares the two. */
export class View {
  readonly name: ViewName;
  readonly #definitions = new Map<number, RunnableEvent>();
  readonly #batches: Batches;
  #readable: ReadableEvent[] = [];
  #decoded: LogRecord[] = [];

  constructor(name: ViewName, host: HostContext, sensor: Sensor) {
    this.name = name;
    const hookOf = (program: string) => sensor.hooks.find((hook) => hook.program === program)?.hook;
    const detail = name === 'unredacted' ? 'standard' : name;
    for (const definition of eventDefinitions({ redact: name !== 'unredacted' })) {
      this.#definitions.set(definition.type, runnable(definition, { detail, body: true, host, hookOf }));
    }
    this.#batches = new Batches({
      envelope: { resource: NOTHING, scope: NOTHING, schemaUrl: NOTHING },
      onBatch: (batch) => this.#decoded.push(...decodeLogs(batch.bytes)),
    });
  }

  append(event: RawEvent, process: Process, observed: bigint): void {
    const definition = this.#definitions.get(event.type);
    if (!definition) return;
    this.#batches.observed = observed;
    this.#batches.append(definition, event, process);
    this.#readable.push(definition.read(event, process, observed));
  }

  /** The records since the last call. @throws where the straight bytes say something else than the readable record */
  compare(): ReadableEvent[] {
    this.#batches.close();
    const [readable, decoded] = [this.#readable, this.#decoded];
    [this.#readable, this.#decoded] = [[], []];
    assert.equal(decoded.length, readable.length);
    for (const [i, record] of readable.entries()) {
      const straight = decoded[i]!;
      assert.deepEqual(
        {
          eventName: straight.eventName,
          severityNumber: straight.severityNumber,
          time: straight.timeUnixNano,
          observed: straight.observedTimeUnixNano,
          body: straight.body ?? undefined,
          attributes: straight.attributes,
        },
        record,
        'straight bytes and the readable record differ',
      );
      assert.deepEqual(Object.keys(straight.attributes), Object.keys(record.attributes), 'the order differs');
      assert.deepEqual(
        [
          straight.severityText,
          straight.droppedAttributesCount,
          straight.flags,
          straight.traceId,
          straight.spanId,
        ],
        ['', 0, 0, '', ''],
      );
    }
    return readable;
  }
}
