// SPDX-License-Identifier: Apache-2.0
// What the library keeps on disk, and that it says that it is alive, over a recording. The spool itself: unit/export.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentConfig, type Books, createAgent, StateError, UsageError } from '../../../src/index.ts';
import { FIXTURE, readRecording } from '../../support/fixture.ts';
import { OtlpSink } from '../../support/otlp-sink.ts';
import { repository } from '../../support/repository.ts';
import { GAP, named } from '../../support/sent.ts';

const fixture = readRecording(FIXTURE).records;
const UNAVAILABLE = { status: 14, message: 'restarting' };
const isOwn = ({ eventName }: { eventName: string }) => !eventName.startsWith('agentsmith.sensor.');

describe('createAgent with a state directory', function () {
  this.timeout('30s');
  let folder: string;
  let stateDir: string;
  let sink: OtlpSink;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'agentsmith-kept-'));
    stateDir = join(folder, 'state');
    sink = await OtlpSink.start();
  });

  afterEach(async () => {
    await sink.close();
    rmSync(folder, { recursive: true });
  });

  /** The whole recording through an agent. What is not acknowledged when it must end is sent once more by the next. */
  async function run(endsWithinMs = 30_000): Promise<Books> {
    const agent = createAgent({ recording: FIXTURE, endpoint: sink.url, stateDir });
    await agent.start();
    assert.equal(await agent.ended, undefined);
    return agent.stop(endsWithinMs);
  }

  it('leaves on disk what the receiver does not take, and the next one sends it', async () => {
    sink.respond(() => UNAVAILABLE);
    const first = await run(2000);
    assert.deepEqual([first.delivered, first.lost], [0, []]);
    assert.ok(first.spooled > fixture.length && first.spooled === first.received, `${first.spooled} on disk`);
    sink.respond(() => undefined);
    const agent = createAgent({ recording: FIXTURE, endpoint: sink.url, stateDir, events: [] });
    await agent.start();
    await sink.until(() => sink.records().filter(isOwn).length >= fixture.length);
    const second = await agent.stop();
    assert.deepEqual([second.spooled, second.lost], [0, []]);
    assert.equal(second.delivered, first.spooled + second.received);
    assert.equal(sink.records().filter(isOwn).length, fixture.length);
  });

  it('tells of a run that was killed', async () => {
    const program = `import { createAgent } from ${JSON.stringify(join(repository, 'build/src/index.js'))};
      const agent = createAgent(JSON.parse(process.argv[1]));
      await agent.start();
      console.log('runs');
      setInterval(() => {}, 1000);`;
    const config = { recording: FIXTURE, endpoint: sink.url, stateDir };
    const args = ['--input-type=module', '-e', program, JSON.stringify(config)];
    const killed = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(killed.stdout, 'data');
    killed.kill('SIGKILL');
    await once(killed, 'close');
    await run();
    const gaps = named(sink.records(), GAP);
    assert.deepEqual(
      gaps.map(({ attributes }) => attributes['agentsmith.gap.reason']),
      ['unclean_stop'],
    );
    await run();
    assert.equal(named(sink.records(), GAP).length, 1);
  });

  it('is refused a directory that another one has, and one that is not its own', async () => {
    const agent = createAgent({ recording: FIXTURE, endpoint: sink.url, stateDir });
    await agent.start();
    const refused = (config: AgentConfig) =>
      createAgent({ recording: FIXTURE, endpoint: sink.url, ...config }).start();
    await assert.rejects(refused({ stateDir }), { name: 'StateError', kind: 'in_use' });
    await assert.rejects(refused({ stateDir: join(folder, 'no/where') }), StateError);
    await agent.stop();
    await run();
  });

  it('has the bounds of the command line', async () => {
    for (const [config, message] of [
      [{ stateDir, spoolSize: 1000 }, /^spoolSize: /],
      [{ stateDir: '' }, /^stateDir: /],
      [{ heartbeat: -1 }, /^heartbeat: /],
    ] as const) {
      const agent = createAgent({ recording: FIXTURE, endpoint: sink.url, ...config });
      await assert.rejects(
        agent.start(),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    }
    assert.ok(!existsSync(stateDir));
  });

  it('makes none where nothing is sent', async () => {
    const agent = createAgent({ recording: FIXTURE, stateDir });
    await agent.start();
    await agent.stop();
    assert.ok(!existsSync(stateDir));
  });
});
