// SPDX-License-Identifier: Apache-2.0
// The built CLI as somebody meets it who reads its help or mistypes. Every option and value: test/unit/config.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp, runCli } from '../support/cli.ts';
import { repository } from '../support/repository.ts';

describe('the command line', () => {
  cleanUp();

  for (const flag of ['--help', '-h']) {
    it(`explains itself with ${flag}, in 100 columns`, async () => {
      const { code, stdout, stderr } = await runCli([flag]);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, /^Usage: agentsmith-otel /);
      for (const part of ['Examples:', 'Commands:', 'Export:', 'Events:', 'Diagnostics:', 'Exit codes:']) {
        assert.ok(stdout.includes(`\n${part}\n`), part);
      }
      for (const line of stdout.split('\n')) assert.ok(line.length <= 100, line);
    });
  }

  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
      version: string;
    };
    const { code, stdout, stderr } = await runCli(['--version']);
    assert.deepEqual([code, stdout, stderr], [0, `${version}\n`, '']);
  });

  const mistakes: readonly (readonly [what: string, args: readonly string[], message: RegExp])[] = [
    [
      'an unknown flag',
      ['--evnts', 'all'],
      /^error: unknown option --evnts \(did you mean --events\?\); see --help$/,
    ],
    [
      'an unknown command',
      ['recrod', 'x'],
      /^error: unknown command "recrod" \(did you mean record\?\); there are /,
    ],
    [
      'an unknown event',
      ['--events', 'process.exce'],
      /^error: --events: .*\(did you mean process\.exec\?\); there are /,
    ],
    [
      'a flag of another command',
      ['record', 'x', '--fast'],
      /^error: --fast does not belong to record, only to replay$/,
    ],
    [
      'a size that is none',
      ['--ring-size', '3MiB'],
      /^error: --ring-size: "3MiB" is no power of two; the nearest are /,
    ],
    ['a missing file name', ['replay'], /^error: replay needs a file: agentsmith-otel replay FILE$/],
    [
      'an endpoint that is no URL',
      ['--endpoint', 'http://a b:1'],
      /^error: --endpoint "http:\/\/a b:1": not a URL; expected /,
    ],
    [
      'an unknown scheme',
      ['--endpoint', 'ftp://x'],
      /^error: --endpoint "ftp:\/\/x": unknown scheme ftp:\/\/; expected /,
    ],
    [
      'credentials in an endpoint',
      ['--endpoint', 'http://u:p@x'],
      /^error: .*OTEL_EXPORTER_OTLP_HEADERS; expected /,
    ],
  ];
  for (const [what, args, message] of mistakes) {
    it(`answers ${what} with one line and 64`, async () => {
      const { code, stdout, stderr } = await runCli(args);
      assert.match(stderr, /^[^\n]*\n$/);
      assert.match(stderr.trimEnd(), message);
      assert.deepEqual([code, stdout], [64, '']);
    });
  }

  it('answers a malformed OTEL_EXPORTER_OTLP_ENDPOINT with one line and 64', async () => {
    const { code, stderr } = await runCli([], { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'gopher://x' } });
    assert.equal(code, 64);
    assert.match(stderr, /^error: OTEL_EXPORTER_OTLP_ENDPOINT "gopher:\/\/x": unknown scheme [^\n]*\n$/);
  });

  it('warns of a variable of ours that it does not know', async () => {
    const { stderr } = await runCli(['replay', '/nowhere'], { env: { AGENTSMITH_OUTPT: 'json' } });
    assert.match(
      stderr,
      /^warning: AGENTSMITH_OUTPT: no such setting \(did you mean AGENTSMITH_OUTPUT\?\); ignored$/m,
    );
  });

  it('prints every setting with where it comes from, and no secret', async () => {
    const { code, stdout } = await runCli(['config', '--detail', 'all', '--endpoint'], {
      env: {
        AGENTSMITH_RING_SIZE: '16MiB',
        OTEL_BLRP_SCHEDULE_DELAY: '700',
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hunter2',
      },
    });
    assert.equal(code, 0);
    for (const row of [
      / detail +all +--detail\n/,
      / ring-size +16MiB +AGENTSMITH_RING_SIZE\n/,
      / batch-delay +700ms +OTEL_BLRP_SCHEDULE_DELAY\n/,
      / queue-size +64MiB +default\n/,
      / endpoint +http:\/\/localhost:4317 +--endpoint\n/,
      / headers +authorization=<hidden>\n/,
    ])
      assert.match(stdout, row);
    assert.doesNotMatch(stdout, /hunter2/);
  });

  it('says whether a configuration file is right, before it runs with one', async () => {
    const check = (file: string) => runCli(['config', '--check', file]);
    const example = join(repository, 'examples/config.yaml');
    assert.deepEqual(await check(example), {
      code: 0,
      signal: null,
      stdout: `${example}: every key and value is right\n`,
      stderr: '',
      errors: [],
    });
    const wrong = await check(join(repository, 'package.json'));
    assert.deepEqual([wrong.code, wrong.stdout], [64, '']);
    assert.match(
      wrong.stderr,
      /^error: package\.json:\d+: name: no such key; expected file_format, [^\n]*\n$/,
    );
    const missing = await check('/nowhere.yaml');
    assert.deepEqual(
      [missing.code, missing.stderr],
      [66, 'error: --check: cannot read /nowhere.yaml (ENOENT)\n'],
    );
  });

  it('prints a completion script, whatever the variables say', async () => {
    const env = { OTEL_CONFIG_FILE: '/nowhere.yaml', AGENTSMITH_RING_SIZE: 'x' };
    const { code, stdout, stderr } = await runCli(['completion', 'bash'], { env });
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^complete .*agentsmith-otel$/m);
  });
});
