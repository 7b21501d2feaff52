// SPDX-License-Identifier: Apache-2.0
// The examples run as their first lines say.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needsCommand } from '../support/needs.ts';
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

describe('examples/systemd/agentsmith-otel.service', () => {
  it('is a unit that systemd takes without a word', function () {
    needsCommand(this, 'systemd-analyze', '--version');
    const folder = mkdtempSync(join(tmpdir(), 'agentsmith-unit-'));
    const unit = join(folder, 'agentsmith-otel.service');
    const text = readFileSync(join(repository, 'examples/systemd/agentsmith-otel.service'), 'utf8');
    writeFileSync(unit, text.replace('ExecStart=/usr/bin/node', `ExecStart=${process.execPath}`));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
  });
});
