// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_MEANINGS, ExitCode } from '../../../src/config/exit-codes.ts';
import { helpText } from '../../../src/config/help.ts';
import { flagOf, OPTION_NAMES, optionOf, variableOf } from '../../../src/config/options.ts';
import { editDistance, nearest } from '../../../src/config/usage-error.ts';
import { VERSION } from '../../../src/config/version.ts';
import { repository } from '../../support/repository.ts';

const events = { known: ['agentsmith.process.exec'], defaults: ['agentsmith.process.exec'] };

describe('helpText', () => {
  const text = helpText(events);

  it('names every option with its variable and its default', () => {
    for (const name of OPTION_NAMES) {
      const { value, initial } = optionOf(name);
      assert.ok(text.includes(`${flagOf(name)} `), name);
      assert.ok(text.includes(variableOf(name) ?? flagOf(name)), name);
      if (value !== undefined && initial !== undefined && name !== 'events')
        assert.ok(text.includes(initial), name);
    }
    assert.match(text, /AGENTSMITH_EVENTS; default: process.exec\]/);
  });

  it('begins with the usage, then the examples, and ends with the exit codes', () => {
    const places = ['Usage: ', 'Examples:', 'Commands:', 'Export:', 'Events:', 'Exit codes:', '\n  77 '].map(
      (part) => text.indexOf(part),
    );
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    );
    assert.equal(places[0], 0);
    assert.deepEqual(
      EXIT_MEANINGS.map(([code]) => code),
      Object.values(ExitCode),
    );
  });

  it('is at most 100 columns wide, without blanks at the ends of lines', () => {
    for (const line of text.split('\n')) {
      assert.ok(line.length <= 100, line);
      assert.equal(line, line.trimEnd());
    }
  });

  it('shows for a command only what belongs to it', () => {
    assert.ok(helpText(events, 'replay').includes('--fast'));
    assert.ok(!helpText(events, 'doctor').includes('--fast'));
  });
});

describe('the option table', () => {
  it('has defaults that its own parsers take', () => {
    for (const name of OPTION_NAMES) {
      const { initial, bare, parse } = optionOf(name);
      if (initial !== undefined) parse(initial, events);
      if (bare !== undefined) parse(bare, events);
    }
  });

  it('spells flags and variables after the key', () => {
    assert.deepEqual([flagOf('ringSize'), variableOf('ringSize')], ['--ring-size', 'AGENTSMITH_RING_SIZE']);
    assert.equal(new Set(OPTION_NAMES.map(flagOf)).size, OPTION_NAMES.length);
  });
});

describe('nearest', () => {
  it('counts insertions, deletions, replacements and swaps', () => {
    assert.equal(editDistance('', 'abc'), 3);
    assert.equal(editDistance('endpiont', 'endpoint'), 1);
    assert.equal(editDistance('kitten', 'sitting'), 3);
  });

  it('knows no word for what resembles none', () => {
    assert.equal(nearest('detial', ['detail', 'events']), 'detail');
    assert.equal(nearest('zzz', ['run', 'doctor']), undefined);
    assert.equal(nearest('x'.repeat(100_000), ['run']), undefined);
  });
});

describe('VERSION', () => {
  it('is the one in package.json', () => {
    const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
      version: string;
    };
    assert.equal(VERSION, manifest.version);
  });
});
