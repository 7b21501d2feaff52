// SPDX-License-Identifier: Apache-2.0
// Any bytes in a batch become records or counted malformed ones: never a throw, never a read past a record.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  dnsMessage,
  EventType,
  fileChange,
  kernelBpfLoad,
  kernelModuleLoad,
  networkBind,
  networkConnect,
  processCredentialChange,
  processExec,
  processExit,
  processFork,
  processPtrace,
} from '../../src/decode/layout.gen.ts';
import type { RecordBatch } from '../../src/decode/record.ts';
import {
  bindValues,
  bpfValues,
  connectValues,
  credentialValues,
  dnsSegmentValues,
  dnsValues,
  execValues,
  exitValues,
  fileType,
  fileValues,
  forkValues,
  moduleValues,
  ptraceValues,
} from '../support/arbitraries.ts';
import { fuzz } from '../support/fuzz.ts';
import { EVENTS, eachEvent, LANES } from '../support/lanes.ts';
import {
  batchOf,
  bind,
  bpfLoad,
  connect,
  credentialChange,
  dnsAnswer,
  dnsQuery,
  dnsSegment,
  exec,
  exit,
  file,
  fork,
  moduleLoad,
  OBSERVED,
  ptrace,
} from '../support/records.ts';

const SIZES = [
  processExec,
  processFork,
  processExit,
  networkConnect,
  networkBind,
  dnsMessage,
  processCredentialChange,
  processPtrace,
  kernelModuleLoad,
  kernelBpfLoad,
  fileChange,
].map((struct) => struct.SIZE);

/** The batch read to its end, every event made readable; what came out, for comparison. */
function readAll(batch: RecordBatch): { events: unknown[]; malformed: number } {
  const events: unknown[] = [];
  let last = 0;
  eachEvent(batch, LANES[0]!, (definition, event, process) => {
    assert.ok(event.at >= last && event.at % 8 === 0 && event.at + event.size <= batch.bytes.length);
    last = event.at + event.size;
    events.push(definition.read(event, process, OBSERVED));
  });
  return { events, malformed: batch.malformed };
}

/** Bytes in a buffer that is larger than they are, with something else behind them. */
function loaded(bytes: Uint8Array, filler: number): RecordBatch {
  return batchOf([bytes], 4096, filler);
}

/** [offset, length] around the end of the struct and of the record; most others are absent, so that this one counts. */
const text = fc.tuple(fc.integer({ min: 300, max: 400 }), fc.nat({ max: 40 }));
/** Sizes and types as a record has them, texts anywhere: more than noise ever finds by chance. */
const crafted = fc
  .tuple(
    fc.constantFrom(...SIZES, 48, 0),
    fc.nat({ max: 80 }),
    fc.oneof(fc.nat({ max: EventType.TYPES }), fc.nat({ max: 0xffff })),
    fc.uint8Array({ minLength: 40, maxLength: 40 }),
    fc.array(fc.oneof({ weight: 6, arbitrary: fc.constant([0, 0]) }, { weight: 1, arbitrary: text }), {
      minLength: 9,
      maxLength: 9,
    }),
  )
  .map(([struct, tail, type, noise, texts]) => {
    const bytes = Buffer.alloc((struct + tail + 7) & ~7 || 8, Buffer.from(noise));
    bytes.writeUInt32LE(bytes.length, 0);
    if (bytes.length >= 8) bytes.writeUInt16LE(type, 4);
    const { executable, cwd, argv, environment, script, interpreter, stdin, stdout, stderr } = processExec;
    const fields = [
      executable,
      cwd,
      argv,
      environment,
      script,
      interpreter,
      stdin.path,
      stdout.path,
      stderr.path,
    ];
    if (bytes.length >= processExec.SIZE && (type === EventType.PROCESS || type === EventType.PROCESS_EXEC)) {
      for (const [i, { offset }] of fields.entries()) {
        bytes.writeUInt16LE(texts[i]![0]!, offset);
        bytes.writeUInt16LE(texts[i]![1]!, offset + 2);
      }
    }
    return bytes;
  });

const whole = fc.oneof(
  execValues.map(exec),
  forkValues.map(fork),
  exitValues.map(exit),
  connectValues.map(connect),
  dnsValues.map(dnsQuery),
  dnsValues.map(dnsAnswer),
  bindValues.map(bind),
  credentialValues.map(credentialChange),
  ptraceValues.map(ptrace),
  moduleValues.map(moduleLoad),
  bpfValues.map(bpfLoad),
  fc.tuple(fileValues, fileType).map(([values, type]) => file(values, type)),
);

describe('the decoder', function () {
  this.timeout('5m');

  it('takes any bytes', () => {
    fuzz(
      20_000,
      fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
        const { events, malformed } = readAll(loaded(bytes, 0xff));
        assert.ok(bytes.length === 0 || events.length + malformed > 0, 'neither a record nor counted');
      }),
    );
  });

  it('takes records of any size, type and text, and reads nothing behind them', () => {
    fuzz(
      10_000,
      fc.property(fc.array(crafted, { minLength: 1, maxLength: 3 }), (records) => {
        const bytes = Buffer.concat(records);
        assert.deepEqual(readAll(loaded(bytes, 0)), readAll(loaded(bytes, 0x3d)));
      }),
    );
  });

  it('reads nothing outside a whole record, and all of a batch', () => {
    fuzz(
      1000,
      fc.property(whole, whole, whole, (before, record, behind) => {
        const alone = readAll(loaded(record, 0)).events;
        const among = readAll(batchOf([before, record, behind]));
        assert.equal(among.malformed, 0);
        const types = new Set(EVENTS.map(({ type }) => type));
        const exported = [before, record, behind].filter((bytes) => types.has(bytes.readUInt16LE(4)));
        assert.equal(among.events.length, exported.length);
        assert.ok(alone.length <= 1);
      }),
    );
  });

  it('takes segments of TCP streams in any order', () => {
    fuzz(
      2000,
      fc.property(fc.array(dnsSegmentValues.map(dnsSegment), { maxLength: 12 }), (records) => {
        let events = 0;
        eachEvent(batchOf(records), LANES[0]!, (definition, event, process) => {
          definition.read(event, process, OBSERVED);
          events++;
        });
        // The bound of one segment.
        assert.ok(events <= 64 * records.length);
      }),
    );
  });

  it('counts a record that was damaged anywhere, or reads another one', () => {
    fuzz(
      10_000,
      fc.property(whole, fc.nat(), fc.nat({ max: 255 }), (record, at, byte) => {
        const damaged = Buffer.from(record);
        damaged[at % damaged.length] = byte;
        readAll(loaded(damaged, 0xff));
        readAll(loaded(damaged.subarray(0, at % damaged.length), 0xff));
      }),
    );
  });
});
