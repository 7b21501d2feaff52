// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { consoleLine } from '../../../src/export/console.ts';
import { jsonLine } from '../../../src/export/json.ts';
import { heartbeat } from '../../../src/health/heartbeat.ts';
import { attributesOf, type KeyValue } from '../../support/otlp-json.ts';

const record = heartbeat(
  {
    version: '1.2.3',
    tier: 'B',
    hooks: { attached: [], missing: ['a=b: c'] },
    totals: { attempted: 130_000, received: 130_000, exported: 120_034, filtered: 7, lost: 12 },
  },
  { serviceName: 'agentsmith-otel', serviceInstanceId: 'one' },
  30_000,
);

describe('the heartbeat', () => {
  it('is the state of the service instance, with its books', () => {
    const { attributes } = JSON.parse(jsonLine(record)) as { attributes: KeyValue[] };
    assert.deepEqual(attributesOf(attributes), {
      'entity.type': 'service.instance',
      'entity.report.interval': 30,
      'entity.id': { 'service.name': 'agentsmith-otel', 'service.instance.id': 'one' },
      'entity.description': {
        'service.version': '1.2.3',
        'agentsmith.sensor.tier': 'B',
        'agentsmith.sensor.missing': ['a=b: c'],
        'agentsmith.ledger.attempted': 130_000,
        'agentsmith.ledger.exported': 120_034,
        'agentsmith.ledger.dropped': 12,
        'agentsmith.ledger.filtered': 7,
      },
    });
  });

  it('is a line for people', () => {
    const line = consoleLine(record, { columns: 100, colour: false });
    assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} entity\.state +alive: 120,034 exported, 12 dropped$/);
  });
});
