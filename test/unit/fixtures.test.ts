// SPDX-License-Identifier: Apache-2.0
// The checked-in recording and its golden records: rootless runs of everything behind the ring start from them.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { eventDefinitions } from '../../src/events/index.ts';
import { RecordingReader } from '../../src/sensor/recording.ts';
import { FIXTURE, goldens, readRecording } from '../support/fixture.ts';

describe('the recording in test/fixtures', () => {
  it('holds one process tree, on a host without a name', () => {
    const { processes } = readRecording(FIXTURE);
    const pids = new Set(processes.map(({ pid }) => pid));
    const roots = processes.filter(({ parent }) => !pids.has(parent));
    assert.equal(roots.length, 1);
    assert.deepEqual([...new Set(processes.map(({ nodename }) => nodename))], ['fixture']);
  });

  it('says nothing of the users of the machine on which it was made', () => {
    const reader = new RecordingReader(FIXTURE);
    assert.deepEqual(reader.head.users, { 0: 'root' });
    reader.close();
    for (const { attributes } of readRecording(FIXTURE).records) {
      const cwd = attributes['process.working_directory'];
      assert.ok(cwd === undefined || cwd === '/', String(cwd));
      assert.match(
        String(attributes['process.executable.path']),
        /^\/(usr\/bin\/(dash|bash|true|unshare|perl|setpriv|umount|ln|mkdir|mkfifo|mv|rm)|tmp\/agentsmith-fixture\/kernel-(bpf|kexec|module|parameter))$/,
      );
    }
  });

  it('has every event, and reads as the golden files say', () => {
    const texts = goldens(readRecording(FIXTURE).records);
    const names = eventDefinitions({ redact: true }).map(
      ({ name }) => `${name.replace('agentsmith.', '').replaceAll('.', '-')}.json`,
    );
    assert.deepEqual([...texts.keys()].sort(), names.sort());
    const folder = dirname(FIXTURE);
    assert.deepEqual(
      readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .sort(),
      names.sort(),
    );
    for (const [name, text] of texts) assert.equal(text, readFileSync(join(folder, name), 'utf8'), name);
  });
});
