// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { ServiceManager } from '../../../src/health/service-manager.ts';

function told(env: Readonly<Record<string, string>>) {
  const sent: (readonly [string, string])[] = [];
  const manager = new ServiceManager({ sendDatagram: (path, text) => void sent.push([path, text]) }, env);
  return { manager, sent };
}

describe('ServiceManager', () => {
  it('says nothing where nobody listens', () => {
    for (const env of [{}, { NOTIFY_SOCKET: '' }, { NOTIFY_SOCKET: 'relative' }] as Record<
      string,
      string
    >[]) {
      const { manager, sent } = told(env);
      manager.ready(() => 'fine');
      manager.stopping();
      assert.deepEqual(sent, []);
    }
  });

  it('tells that it is ready, and that it stops', () => {
    const { manager, sent } = told({ NOTIFY_SOCKET: '@here' });
    manager.ready(() => 'fine');
    manager.stopping();
    assert.deepEqual(sent, [
      ['@here', `READY=1\nMAINPID=${process.pid}\nSTATUS=fine`],
      ['@here', 'STOPPING=1\nSTATUS=delivers what is left'],
    ]);
  });

  it('feeds the watchdog that is its own', () => {
    for (const [pid, count] of [
      [process.pid, 1],
      [1, 0],
    ] as const) {
      const { manager, sent } = told({
        NOTIFY_SOCKET: '/n',
        WATCHDOG_USEC: '30000000',
        WATCHDOG_PID: `${pid}`,
      });
      manager.ready(() => 'fine');
      manager.stopping();
      assert.equal(sent.filter(([, text]) => text === 'WATCHDOG=1').length, count);
    }
  });

  it('goes on when the manager is gone', () => {
    const manager = new ServiceManager(
      {
        sendDatagram: () => {
          throw new Error('sendto: Connection refused');
        },
      },
      { NOTIFY_SOCKET: '/n' },
    );
    manager.ready(() => 'fine');
    manager.stopping();
  });
});
