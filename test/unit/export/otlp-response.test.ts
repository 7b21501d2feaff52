// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  oneLine,
  readPartialSuccess,
  readRetryDelay,
  readStatusMessage,
} from '../../../src/export/otlp-response.ts';
import { encode } from '../../support/otlp-decode.ts';

const response = (rejected: number | string, errorMessage = '') =>
  encode('ExportServiceResponse', { partialSuccess: { rejected, errorMessage } });

const status = (...details: { typeUrl: string; value: Buffer }[]) =>
  encode('Status', { code: 8, message: 'slow', details });

const retryInfo = (seconds: number, nanos = 0) => ({
  typeUrl: 'type.googleapis.com/google.rpc.RetryInfo',
  value: encode('RetryInfo', { retryDelay: { seconds, nanos } }),
});

describe('readPartialSuccess', () => {
  it('reads how many records were rejected, and why', () => {
    assert.deepEqual(readPartialSuccess(response(3, 'too old')), { rejected: 3, message: 'too old' });
  });

  it('reads a warning that rejects nothing', () => {
    assert.deepEqual(readPartialSuccess(response(0, 'use a newer schema')), {
      rejected: 0,
      message: 'use a newer schema',
    });
  });

  it('takes an empty response for full success', () => {
    assert.equal(readPartialSuccess(new Uint8Array()), undefined);
    assert.equal(readPartialSuccess(response(0)), undefined);
  });

  it('takes a negative count for none', () => {
    assert.equal(readPartialSuccess(response(-1)), undefined);
  });

  it('keeps a count that no number can hold exactly within bounds', () => {
    assert.deepEqual(readPartialSuccess(response('9223372036854775807')), {
      rejected: Number.MAX_SAFE_INTEGER,
      message: '',
    });
  });

  it('skips fields that it does not know', () => {
    const unknown = Buffer.from([
      0x78, 0x01, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7d, 1, 2, 3, 4, 0x7a, 0x02, 0x61, 0x62,
    ]);
    assert.deepEqual(readPartialSuccess(Buffer.concat([unknown, response(2, 'x')])), {
      rejected: 2,
      message: 'x',
    });
  });

  it('lets nothing of a receiver break a log line', () => {
    const read = readPartialSuccess(response(1, `a\nb\u001b[31m${'c'.repeat(1000)}`));
    assert.match(read!.message, /^a b \[31mc{200,}…$/);
    assert.ok(read!.message.length < 400);
  });

  it('does not read past the end of a length that lies', () => {
    assert.equal(
      readPartialSuccess(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x08, 0x05])),
      undefined,
    );
    assert.deepEqual(readPartialSuccess(Buffer.from([0x0a, 0x04, 0x08, 0x05, 0x12, 0x50])), {
      rejected: 5,
      message: '',
    });
  });
});

describe('readRetryDelay', () => {
  it('reads the delay in milliseconds, rounded up', () => {
    assert.equal(readRetryDelay(status(retryInfo(2, 500_000_001))), 2501);
    assert.equal(readRetryDelay(status(retryInfo(0, 1))), 1);
  });

  it('finds RetryInfo among other details', () => {
    const other = {
      typeUrl: 'type.googleapis.com/google.rpc.DebugInfo',
      value: encode('RetryInfo', { retryDelay: { seconds: 9 } }),
    };
    assert.equal(readRetryDelay(status(other, retryInfo(3))), 3000);
    assert.equal(readRetryDelay(status(other)), undefined);
  });

  it('finds none where there is none', () => {
    assert.equal(readRetryDelay(new Uint8Array()), undefined);
    assert.equal(readRetryDelay(status()), undefined);
    assert.equal(readRetryDelay(status({ ...retryInfo(0), value: Buffer.alloc(0) })), undefined);
  });
});

describe('both readers', () => {
  it('give a sane answer to any bytes', () => {
    const damaged = fc
      .tuple(
        fc.constantFrom(
          response(7, 'because'),
          status(retryInfo(4, 5)),
          Buffer.from('{"partialSuccess":{"rejectedLogRecords":"7","errorMessage":"because"}}'),
        ),
        fc.array(fc.nat(), { maxLength: 6 }),
      )
      .map(([good, flips]) => {
        const bytes = Buffer.from(good);
        for (const flip of flips) bytes[flip % bytes.length]! ^= 1 << (flip % 8);
        return bytes as Uint8Array;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        const partial = readPartialSuccess(bytes);
        if (partial)
          assert.ok(
            Number.isSafeInteger(partial.rejected) && partial.rejected >= 0 && partial.message.length < 400,
          );
        const delay = readRetryDelay(bytes);
        if (delay !== undefined) assert.ok(delay >= 0);
        for (const type of ['application/json', 'application/x-protobuf', 'text/plain', ''])
          assert.ok(readStatusMessage(bytes, type).length < 400);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('oneLine', () => {
  it('keeps plain text as it is', () => {
    assert.equal(oneLine('größer als 4 MiB'), 'größer als 4 MiB');
  });
});

describe('an answer in JSON', () => {
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));

  for (const [text, meaning] of [
    ['{}', undefined],
    ['{"partialSuccess":{}}', undefined],
    ['{"partialSuccess":null}', undefined],
    ['{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"a\\nb"}}', { rejected: 2, message: 'a b' }],
    ['{"partialSuccess":{"rejectedDataPoints":3}}', { rejected: 3, message: '' }],
    ['{"partialSuccess":{"errorMessage":"careful"}}', { rejected: 0, message: 'careful' }],
    ['{"partialSuccess":{"rejectedLogRecords":"-1"}}', undefined],
    ['{"partialSuccess":{"rejectedLogRecords":{}}}', undefined],
    ['{not JSON', undefined],
  ] as const) {
    it(`of ${text} means ${JSON.stringify(meaning)}`, () =>
      assert.deepEqual(readPartialSuccess(Buffer.from(text)), meaning));
  }

  it('or in protobuf or text says what went wrong, on one line', () => {
    const protobuf = encode('Status', { code: 3, message: 'bad\nrecord' });
    for (const [body, type, said] of [
      [json({ code: 3, message: 'bad\nrecord' }), 'application/json; charset=utf-8', 'bad record'],
      [protobuf, 'application/x-protobuf', 'bad record'],
      [Buffer.from('bad\nrecord'), 'text/plain', 'bad record'],
      [Buffer.from('<p>bad'), 'text/html', ''],
      [json([1]), 'application/json', ''],
      [Buffer.from([0xff, 0xff]), 'application/x-protobuf', ''],
    ] as const)
      assert.equal(readStatusMessage(body, type), said);
  });
});
