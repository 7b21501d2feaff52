// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { HealthServer, readinessOf } from '../../../src/health/readiness.ts';
import type { AgentStatus } from '../../../src/health/status.ts';

const status = (values: Partial<AgentStatus> = {}) =>
  ({
    hooks: { attached: ['agentsmith.process.exec=tp_btf/sched_process_exec'], missing: ['x=y: no'] },
    receiver: { state: 'ok', lastExportAge: 1 },
    totals: { attempted: 5, received: 5, exported: 3, filtered: 0, lost: 2 },
    ...values,
  }) as AgentStatus;

describe('readiness', () => {
  it('is given while something is attached and the receiver takes records', () => {
    assert.deepEqual(readinessOf(status()), {
      status: 'ready',
      reasons: [],
      hooks: { attached: 1, missing: ['x=y: no'] },
      receiver: { state: 'ok', lastExportAge: 1 },
      exported: 3,
      dropped: 2,
    });
    assert.equal(readinessOf(status({ receiver: { state: 'idle' } })).status, 'ready');
  });

  it('is not given without a hook, or while the receiver takes nothing, and says so', () => {
    const none = readinessOf(
      status({
        hooks: { attached: [], missing: [] },
        receiver: { state: 'failing', reason: 'c refuses connections' },
      }),
    );
    assert.deepEqual(none.reasons, ['no hook is attached', 'c refuses connections']);
    assert.equal(none.status, 'not ready');
  });
});

describe('HealthServer', () => {
  let server: HealthServer;

  beforeEach(async () => {
    server = await HealthServer.open({ host: '127.0.0.1', port: 0 }, status);
  });
  afterEach(() => server.close());

  const ask = (method: string, path: string) =>
    new Promise<{ code: number | undefined; text: string }>((resolve, reject) => {
      const [host, port] = server.address.split(':');
      request({ host, port, method, path }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ code: response.statusCode, text }));
      })
        .on('error', reject)
        .end();
    });

  it('answers GET and HEAD of /, and nothing else', async () => {
    const { code, text } = await ask('GET', '/?a=b');
    assert.deepEqual([code, (JSON.parse(text) as { status: string }).status], [200, 'ready']);
    assert.deepEqual(await ask('HEAD', '/'), { code: 200, text: '' });
    assert.equal((await ask('GET', '/metrics')).code, 404);
    assert.equal((await ask('POST', '/')).code, 405);
  });
});
