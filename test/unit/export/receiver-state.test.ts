// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { ExportError, type ExportErrorKind } from '../../../src/export/export-error.ts';
import { ReceiverState, type ReceiverStatus } from '../../../src/export/receiver-state.ts';

describe('ReceiverState', () => {
  it('tells people once a minute, and machines of every change', () => {
    const word = (status: ReceiverStatus) => (status.ok ? 'ok' : status.error.kind);
    const told: string[] = [];
    const observed: string[] = [];
    const state = new ReceiverState(
      (status) => told.push(word(status)),
      () => 0,
      (status) => observed.push(word(status)),
    );
    const fail = (kind: ExportErrorKind) => state.failed(new ExportError(kind, kind));
    for (let i = 0; i < 3; i++) {
      fail('unreachable');
      fail('unreachable');
      state.succeeded();
      state.succeeded();
    }
    fail('timeout');
    assert.deepEqual(told, ['unreachable', 'ok', 'timeout']);
    assert.deepEqual(observed, ['unreachable', 'ok', 'unreachable', 'ok', 'unreachable', 'ok', 'timeout']);
  });
});
