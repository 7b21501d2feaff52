// SPDX-License-Identifier: Apache-2.0
// The scripts that complete our flags, run by the shells themselves where they are installed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { completionScript, SHELLS } from '../../../src/config/completion.ts';
import { COMMANDS } from '../../../src/config/option.ts';
import { flagOf, OPTION_NAMES } from '../../../src/config/options.ts';
import { UsageError } from '../../../src/config/usage-error.ts';
import { skip } from '../../support/skip.ts';

const names = ['agentsmith.process.exec', 'agentsmith.process.exit'];
const events = { known: names, defaults: names };

function run(context: Mocha.Context, shell: string, args: readonly string[], input: string): string {
  const { error, status, stdout, stderr } = spawnSync(shell, args, { input, encoding: 'utf8' });
  if (error) skip(context, `${shell} is not installed`);
  assert.deepEqual([status, stderr], [0, ''], shell);
  return stdout;
}

/** What bash offers behind these words. */
function offered(context: Mocha.Context, ...words: readonly string[]): string[] {
  const script = `${completionScript('bash', events)}
COMP_WORDS=(agentsmith-otel ${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length}
_agentsmith_otel
printf '%s\\n' "\${COMPREPLY[@]}"
`;
  return run(context, 'bash', ['--norc'], script).split('\n').filter(Boolean);
}

describe('completion', () => {
  for (const shell of SHELLS) {
    it(`of ${shell} knows every command and flag`, () => {
      const text = completionScript(shell, events);
      for (const name of OPTION_NAMES) {
        const flag = flagOf(name);
        assert.ok(text.includes(shell === 'fish' ? ` -l ${flag.slice(2)} ` : flag), flag);
      }
      for (const command of Object.keys(COMMANDS)) assert.ok(text.includes(command), command);
      assert.ok(text.includes('process.exit'));
    });
  }

  it('of bash offers commands, the flags of a command, and the words of a flag', function () {
    assert.deepEqual(offered(this, ''), Object.keys(COMMANDS));
    assert.deepEqual(offered(this, 'do'), ['doctor']);
    assert.deepEqual(offered(this, '--ring'), ['--ring-size']);
    assert.deepEqual(offered(this, 'replay', '--ring'), []);
    assert.deepEqual(offered(this, 'replay', '--fa'), ['--fast']);
    assert.deepEqual(offered(this, '--protocol', 'http/'), ['http/protobuf', 'http/json']);
    assert.deepEqual(offered(this, '--events', 'process.exi'), ['process.exit']);
    assert.deepEqual(offered(this, 'completion', ''), ['bash', 'zsh', 'fish']);
    assert.ok(offered(this, '--config', '/etc/pass').includes('/etc/passwd'));
    assert.deepEqual(offered(this, '--timeout', ''), []);
  });

  it('of zsh is accepted by zsh', function () {
    run(this, 'zsh', ['-f'], `autoload -Uz compinit; compinit -D; ${completionScript('zsh', events)}`);
  });

  it('of fish offers the words of a flag', function () {
    const script = `${completionScript('fish', events)}\ncomplete -C 'agentsmith-otel --protocol http/'\n`;
    assert.match(run(this, 'fish', ['--no-config', '-c', script], ''), /^http\/json\t/m);
  });

  it('is there for these shells only', () => {
    assert.throws(() => completionScript('tcsh', events), UsageError);
    assert.throws(() => completionScript('toString', events), UsageError);
  });
});
