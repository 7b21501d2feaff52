// SPDX-License-Identifier: Apache-2.0
// The examples run as their first lines say.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from '../support/repository.ts';

const string = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const connect = (...more: object[]) => ({
  eventName: 'agentsmith.network.connect',
  attributes: [
    string('network.peer.address', '192.0.2.1'),
    { key: 'network.peer.port', value: { intValue: '443' } },
    string('process.executable.path', '/usr/bin/curl'),
    ...more,
  ],
});

describe('examples/who-connected.mjs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentsmith-example-'));
  after(() => rmSync(folder, { recursive: true }));

  it('counts connections by program, address and outcome', () => {
    const logRecords = [
      connect(),
      connect(),
      connect(string('error.type', 'ECONNREFUSED')),
      { eventName: 'agentsmith.process.exit', attributes: [] },
    ];
    const file = join(folder, 'events.jsonl');
    const metrics = JSON.stringify({ resourceMetrics: [] });
    const logs = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
    writeFileSync(file, `${metrics}\n${logs}\n`);
    const said = execFileSync(process.execPath, [join(repository, 'examples/who-connected.mjs'), file]);
    assert.equal(
      said.toString(),
      '2\t/usr/bin/curl 192.0.2.1:443 ok\n1\t/usr/bin/curl 192.0.2.1:443 ECONNREFUSED\n',
    );
  });
});
