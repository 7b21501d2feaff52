// SPDX-License-Identifier: Apache-2.0
// The environment by allow-list, and secrets in it and in argv.
import assert from 'node:assert/strict';
import { type ExecTruth, execBy, expectExec, operand } from '../support/exec.ts';
import { scaled } from '../support/triggers.ts';
import { openWatch, type Watch } from '../support/watch.ts';

const PRELOAD = 'process.environment_variable.LD_PRELOAD';
const SSH = 'process.environment_variable.SSH_CONNECTION';
const TOKEN = 'process.environment_variable.API_TOKEN';
const ARGS = 'process.command_args';

/** The kernel searches for names of eleven bytes or more by samples, and string by string when a shorter one is on the list. */
const LISTS = {
  samples: ['LD_PRELOAD', 'SSH_CONNECTION'],
  strings: ['LD_PRELOAD', 'SSH_CONNECTION', 'API_TOKEN'],
};

for (const [how, environment] of Object.entries(LISTS)) {
  describe(`process.exec and its environment, searched by ${how}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;

    before(function () {
      watch = openWatch(this, { environment });
    });

    after(() => watch?.close());

    const run = (env: NodeJS.ProcessEnv) => watch.run<ExecTruth>('process-exec', [], { env });

    it('carries the variables on the list and no other', async () => {
      const env = {
        HOME: '/root',
        LD_PRELOAD: '/tmp/evil.so',
        XLD_PRELOAD: 'x',
        LD_PRELOADX: 'x',
        SSH_CONNECTION: '',
      };
      expectExec(watch, await run(env), { more: { [PRELOAD]: '/tmp/evil.so', [SSH]: '' } });
    });

    it('finds a variable behind 200 KB of others', async () => {
      const padding = Object.fromEntries(
        Array.from({ length: 200 }, (_, i) => [`PADDING_${i}`, 'x'.repeat(1000 + i)]),
      );
      const huge = { HUGE: 'LD_PRELOAD='.repeat(9000) };
      const env = { ...padding, ...huge, LD_PRELOAD: '/tmp/evil.so' };
      expectExec(watch, await run(env), { more: { [PRELOAD]: '/tmp/evil.so' } });
    });

    it('finds a variable behind 8000 short ones', async () => {
      const padding = Object.fromEntries(Array.from({ length: 8000 }, (_, i) => [`P${i}`, '']));
      expectExec(watch, await run({ ...padding, LD_PRELOAD: '/tmp/evil.so' }), {
        more: { [PRELOAD]: '/tmp/evil.so' },
      });
    });

    it('finds a variable behind empty strings', async function () {
      const truth = await execBy(this, watch, ['env', '', 'env', '', 'env', 'LD_PRELOAD=/tmp/evil.so']);
      expectExec(watch, truth, { more: { [PRELOAD]: '/tmp/evil.so' } });
    });

    it('finds a variable wherever it lies in the blocks that are searched', async () => {
      // 4096 bytes a block, looked at in rows of 128, of which no name begins in the last 168; and at every place of a word.
      const rows = [290, 289, 288, 287, 176, 169, 168, 167, 162, 161, 160, 159, 158, 137, 136, 135, 130, 129];
      const words = [
        128, 127, 36, 33, 32, 31, 30, 21, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1, -7, -8, -9,
      ];
      for (const before of [...rows, ...words]) {
        const at = 4096 - before;
        const env = { PADDING: 'x'.repeat(at - 'PADDING=\0'.length), LD_PRELOAD: `/tmp/${at}.so` };
        expectExec(watch, await run(env), { more: { [PRELOAD]: `/tmp/${at}.so` } });
      }
    });

    it('gives a variable that came twice once, with the value that the loader takes', async function () {
      const steps = ['env', 'LD_PRELOAD=/lib/innocent.so', 'env', 'LD_PRELOAD=/tmp/evil.so'];
      expectExec(watch, await execBy(this, watch, steps), { more: { [PRELOAD]: '/tmp/evil.so' } });
    });

    it('escapes a value that is no UTF-8', async function () {
      const truth = await execBy(this, watch, ['env', operand('LD_PRELOAD=/tmp/\xe9.so')]);
      expectExec(watch, truth, { more: { [PRELOAD]: '/tmp/\\xe9.so', 'agentsmith.escaped': [PRELOAD] } });
    });
  });
}

describe('process.exec and secrets', function () {
  this.timeout(scaled(30_000));
  let watch: Watch;

  before(function () {
    watch = openWatch(this, { environment: LISTS.strings });
  });

  after(() => watch?.close());

  const run = (env: NodeJS.ProcessEnv, args: string[] = []) =>
    watch.run<ExecTruth>('process-exec', args, { env });

  it('hides secrets in argv and in the environment, and says where', async () => {
    const env = { API_TOKEN: 'abcdef123456', LD_PRELOAD: '/lib/x.so' };
    const truth = await run(env, ['--password=hunter22', '--token', 'abcdef', 'https://u:secret@host/']);
    const shown = [
      truth.args[0]!,
      '--password=[redacted]',
      '--token',
      '[redacted]',
      'https://u:[redacted]@host/',
    ];
    const record = watch.all('agentsmith.process.exec', (r) => r.attributes[TOKEN] !== undefined)[0]!;
    assert.deepEqual(record.attributes[ARGS], shown);
    assert.equal(record.attributes[TOKEN], '[redacted]');
    assert.equal(record.attributes[PRELOAD], '/lib/x.so');
    assert.deepEqual(record.attributes['agentsmith.redacted'], [ARGS, TOKEN]);
    assert.equal(record.body, shown.join(' '));
    for (const [name, value] of Object.entries(record.attributes)) {
      assert.doesNotMatch(`${name} ${value}`, /hunter22|abcdef|secret/);
    }
  });

  it('shows secrets when redaction is off', () => {
    const record = watch.all('agentsmith.process.exec', (r) => r.attributes[TOKEN] !== undefined)[0]!;
    const { attributes } = record.views.unredacted;
    assert.deepEqual((attributes[ARGS] as string[]).slice(1), [
      '--password=hunter22',
      '--token',
      'abcdef',
      'https://u:secret@host/',
    ]);
    assert.equal(attributes[TOKEN], 'abcdef123456');
    assert.equal(attributes['agentsmith.redacted'], undefined);
  });
});
