// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fc from 'fast-check';
import * as redact from '../../../src/enrich/redact.ts';
import { SCRIPT_WORD } from '../../../src/enrich/secret-commands.ts';
import { NAME } from '../../../src/enrich/secret-names.ts';
import { AWS_SECRET, PEM_BEGIN, TOKEN_PATTERNS } from '../../../src/enrich/secret-tokens.ts';

/** Of one char per byte. */
const findSecrets = (argv: string) => redact.findSecrets(Buffer.from(argv, 'latin1'), 0, argv.length);

/** What a reader of the record sees: `…` where something was hidden. */
function shown(argv: string): string {
  const bytes = Buffer.from(argv).toString('latin1');
  let text = '';
  let at = 0;
  const found = findSecrets(bytes);
  for (let i = 0; i < found.length; i += 2) {
    text += `${bytes.slice(at, found[i])}\x01`;
    at = found[i + 1]!;
  }
  return Buffer.from(text + bytes.slice(at), 'latin1')
    .toString()
    .replaceAll('\x01', '…');
}

const GITHUB = `ghp_${'aB3'.repeat(12)}`;
const AWS_ID = 'AKIAIOSFODNN7EXAMPLE';
const AWS_KEY = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

/** Arguments are divided by `|` here (NUL in the kernel); what is hidden is `…`. */
const HIDDEN: readonly (readonly [given: string, expected: string])[] = [
  // Assignments
  ['app|password=hunter2', 'app|password=…'],
  ['app|--password=hunter2|-v', 'app|--password=…|-v'],
  ['app|--password=correct horse battery', 'app|--password=…'],
  ['app|-password=x1', 'app|-password=…'],
  ['app|PASSWORD=x1', 'app|PASSWORD=…'],
  ['app|--passwd=x1|pwd=x2|secret=x3', 'app|--passwd=…|pwd=…|secret=…'],
  ['app|token=x1|api_key=x2|apikey=x3', 'app|token=…|api_key=…|apikey=…'],
  ['app|access_key=x1|client_secret=x2', 'app|access_key=…|client_secret=…'],
  ['app|private_key=x1|auth=bob:x2|_auth=x3', 'app|private_key=…|auth=…|_auth=…'],
  ['docker|run|-e|MYSQL_ROOT_PASSWORD=a b|img', 'docker|run|-e|MYSQL_ROOT_PASSWORD=…|img'],
  ['env|SSHPASS=x1|DB_PASS=x2|dbpass=x3|dbPass=x4', 'env|SSHPASS=…|DB_PASS=…|dbpass=…|dbPass=…'],
  ['env|PASSWORD_2=x1|password1=x2', 'env|PASSWORD_2=…|password1=…'],
  ['java|-Dspring.datasource.password=x1|-jar|a.jar', 'java|-Dspring.datasource.password=…|-jar|a.jar'],
  ['helm|--set=db.password=x1', 'helm|--set=db.password=…'],
  ['app|--registry-token=x1|--apiKey=x2', 'app|--registry-token=…|--apiKey=…'],
  ['app|--from-literal=password=x1', 'app|--from-literal=password=…'],
  ['psql|host=db password=x1 dbname=app', 'psql|host=db password=… dbname=app'],
  ['app|Server=db;Pwd=a b;Database=app', 'app|Server=db;Pwd=…;Database=app'],
  ['mount|-o|user=bob,password=x1,vers=3', 'mount|-o|user=bob,password=…,vers=3'],
  ['curl|https://h/p?id=3&token=x1&page=2', 'curl|https://h/p?id=3&token=…&page=2'],
  ['curl|-d|token=a&b', 'curl|-d|token=…'],
  ['curl|-d|{"user":"bob","password":"a \\"b","id":3}', 'curl|-d|{"user":"bob","password":"…","id":3}'],
  ['curl|-d|{"api_key": "x1"}', 'curl|-d|{"api_key": "…"}'],
  ['sh|-c|echo "{\\"token\\":\\"x1\\"}"', 'sh|-c|echo "{\\"token\\":\\"…\\"}"'],
  ['app|--password=pàß|x', 'app|--password=…|x'],
  ['app|say password=pàß now', 'app|say password=… now'],
  ['app|password: hunter2', 'app|password: …'],
  ['app|token%3Dabc', 'app|token%3D…'],
  // Scripts: the value ends where the shell ends it
  ['sh|-c|PASSWORD=x1 ./run --fast', 'sh|-c|PASSWORD=… ./run --fast'],
  ["bash|-lc|export TOKEN='a b'; ls", "bash|-lc|export TOKEN='…'; ls"],
  ['sh|-c|app --token x1 | tee log', 'sh|-c|app --token … | tee log'],
  // Options whose value is the next argument
  ['app|--token|x1|--verbose', 'app|--token|…|--verbose'],
  ['app|--password|a b|c', 'app|--password|…|c'],
  ['app|--secret|x1', 'app|--secret|…'],
  ['app|-pass|x1', 'app|-pass|…'],
  ['openssl|rsa|-passin|pass:x1', 'openssl|rsa|-passin|…'],
  ['erl|-setcookie|ABCDEF', 'erl|-setcookie|…'],
  ['curl|--oauth2-bearer|x1|u', 'curl|--oauth2-bearer|…|u'],
  ['aws|configure|set|aws_secret_access_key|x1', 'aws|configure|set|aws_secret_access_key|…'],
  // Headers
  ['curl|-H|Authorization: Bearer x1|u', 'curl|-H|Authorization: Bearer …|u'],
  ['curl|-H|authorization:Basic eDp5|u', 'curl|-H|authorization:Basic …|u'],
  ['curl|-HAuthorization: x1', 'curl|-HAuthorization: …'],
  ['curl|--header=Cookie: a=b; c=d', 'curl|--header=Cookie: …'],
  ['curl|-H|X-Api-Key: x1', 'curl|-H|X-Api-Key: …'],
  ['curl|-H|Proxy-Authorization: Digest x1', 'curl|-H|Proxy-Authorization: Digest …'],
  ['sh|-c|curl -H "Authorization: Bearer x1" https://h', 'sh|-c|curl -H "Authorization: Bearer …" https://h'],
  ["sh|-c|curl -H 'Cookie: a=b; c=d' https://h", "sh|-c|curl -H 'Cookie: …' https://h"],
  // Short options of the commands that mean it so
  ['curl|-u|bob:x1|https://h', 'curl|-u|bob:…|https://h'],
  ['curl|-ubob:x1', 'curl|-ubob:…'],
  ['curl|--user|bob:x1', 'curl|--user|bob:…'],
  ['curl|--user=bob:x1', 'curl|--user=bob:…'],
  ['/usr/bin/mysql|-uroot|-phunter2|db', '/usr/bin/mysql|-uroot|-p…|db'],
  ['sudo|-u|bob|A=b|timeout|5|mysqldump|-px1', 'sudo|-u|bob|A=b|timeout|5|mysqldump|-p…'],
  ['sh|-c|cd /tmp && mysql -px1 db', 'sh|-c|cd /tmp && mysql -p… db'],
  ["ssh|host|curl -u 'bob:a b' u", "ssh|host|curl -u 'bob:…' u"],
  ['sshpass|-p|x1|ssh|h', 'sshpass|-p|…|ssh|h'],
  ['redis-cli|-a|x1|ping', 'redis-cli|-a|…|ping'],
  ['docker|login|-u|bob|-p|x1', 'docker|login|-u|bob|-p|…'],
  ['ldapsearch|-D|cn=a|-w|x1', 'ldapsearch|-D|cn=a|-w|…'],
  ['nmcli|dev|wifi|connect|net|password|x1', 'nmcli|dev|wifi|connect|net|password|…'],
  ['unzip|-P|x1|a.zip', 'unzip|-P|…|a.zip'],
  // user:pass@host
  ['git|clone|https://bob:x1@h/r.git', 'git|clone|https://bob:…@h/r.git'],
  ['app|postgres://u:p@ss@db:5432/app', 'app|postgres://u:…@db:5432/app'],
  ['app|redis://:x1@h', 'app|redis://:…@h'],
  ['scp|bob:x1@h', 'scp|bob:…@h'],
  // By shape
  [`git|${GITHUB}`, 'git|…'],
  [`x|https://${GITHUB}@github.com`, 'x|https://…@github.com'],
  [`x|github_pat_${'a1B'.repeat(20)}`, 'x|…'],
  [`x|glpat-${'a1'.repeat(10)}`, 'x|…'],
  [`x|npm_${'a1b'.repeat(12)}`, 'x|…'],
  ['x|xoxb-1234567890-abcdef', 'x|…'],
  [`x|AIza${'a1b2c3d'.repeat(5)}`, 'x|…'],
  [`x|${AWS_ID}|${AWS_KEY}`, 'x|…|…'],
  [`x|jwt ${JWT} end`, 'x|jwt … end'],
  [
    'x|-----BEGIN RSA PRIVATE KEY-----\nMII\nE=\n-----END RSA PRIVATE KEY-----|y',
    'x|-----BEGIN RSA PRIVATE KEY-----…-----END RSA PRIVATE KEY-----|y',
  ],
  ['x|-----BEGIN PRIVATE KEY-----\nMII|y', 'x|-----BEGIN PRIVATE KEY-----…|y'],
];

const KEPT: readonly string[] = [
  'ls|-la|/home',
  'app|--password-file|/run/secret',
  'app|--password-file=/run/secret',
  'docker|login|--password-stdin',
  'app|--no-password|x',
  'ansible|--ask-become-pass|site.yml',
  'app|token_count=3',
  'app|--max-tokens=512',
  'app|max_token=512',
  'app|--secret-name|x',
  'app|secretName=tls',
  'app|--password|--user|bob',
  'app|--password=',
  'app|bypass=1|--compass|north|lowpass=f=200',
  'ffmpeg|-pass|1|-i|a.mp4',
  'app|PWD=/home/bob|OLDPWD=/tmp',
  'app|--auth=basic|--use-auth|x',
  'app|--token=true|password=none',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
  'sh|-c|app --token=$TOKEN --password "${DB_PASSWORD}"',
  'passwd|bob',
  'vim|/etc/passwd',
  'docker|run|-v|/etc/passwd:/etc/passwd:ro|registry/app-token:1.2',
  'docker|run|nginx:1.25@sha256:0123456789abcdef',
  'docker|build|--secret|id=npmrc,src=/root/.npmrc',
  'docker|run|-p|8080:80|img',
  'ansible|--private-key|/root/.ssh/id_ed25519',
  'openssl|rsa|-passin|file:/run/key',
  'curl|--cookie|jar.txt|--cookie-jar|out.txt',
  'curl|https://h:8080/a@b',
  'curl|-u|bob',
  'git|clone|git@github.com:org/repo.git',
  'ssh|bob@host|-p|22',
  'npm|install|lib@npm:other@1.2.3|@scope/pkg@1.0.0',
  'mkdir|-p|/a/b',
  'mysql|-p|db',
  'grep|mysql|-print',
  'find|/|-name|mysql|-print',
  'cargo|test|auth::token::tests',
  'app|keyboard=de|monkey:1|author=bob',
  'app|AKIA|eyJ.x|ghp_short|xoxo',
  `git|show|${'0123456789abcdef'.repeat(3).slice(0, 40)}`,
  '-----BEGIN PUBLIC KEY-----|MII',
  'app|password=[redacted]',
  'systemctl|status|user@1000.service',
];

const args = (text: string) => text.replaceAll(/(?<! )\|(?! )/g, '\0');

const piece = fc.constantFrom(
  ...[
    'password',
    'PASS',
    'token',
    'secret_key',
    'Authorization',
    'cookie',
    'auth',
    'aws_',
    '=',
    ':',
    '%3d',
    '\0',
    ' ',
  ],
  ...[
    '"',
    "'",
    '\\',
    '\\"',
    '-',
    '--',
    '@',
    '://',
    '/',
    'x',
    'à',
    '\xa0',
    ';',
    '&',
    '?',
    '$A',
    'curl',
    'mysql',
    'sh',
    '-c',
  ],
  ...[
    '-u',
    '-p',
    'Bearer ',
    'eyJaaaa',
    '.',
    GITHUB,
    AWS_ID,
    AWS_KEY,
    JWT,
    '-----BEGIN PRIVATE KEY-----',
    '-----END',
  ],
);
const hostile = fc.oneof(
  fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 200 }),
);

describe('findSecrets', () => {
  for (const [given, expected] of HIDDEN) {
    it(`hides the secret of ${JSON.stringify(given).slice(0, 80)}`, () => {
      assert.equal(shown(args(given)), args(expected));
    });
  }

  for (const given of KEPT) {
    it(`leaves ${JSON.stringify(given).slice(0, 80)} as it is`, () => {
      assert.equal(shown(args(given)), args(given));
    });
  }

  it('gives the same frozen array whenever there is nothing to hide', () => {
    assert.equal(findSecrets('ls\0-l'), findSecrets('app\0--password-file\0x'));
    assert.throws(() => (findSecrets('ls') as number[]).push(1), TypeError);
  });

  it('gives ordered ranges inside the text and never hides the border of an argument, whatever it reads', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const argv = Buffer.from(text).toString('latin1');
        const found = findSecrets(argv);
        assert.equal(found.length % 2, 0);
        for (let i = 0; i < found.length; i += 2) {
          assert.ok(
            found[i]! > (found[i - 1] ?? -1) && found[i + 1]! > found[i]! && found[i + 1]! <= argv.length,
          );
          assert.ok(!argv.slice(found[i], found[i + 1]).includes('\0'));
        }
      }),
      { numRuns: 20_000 },
    );
  });

  it('does not cut a character of several bytes', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const whole = Buffer.from(text);
        for (const at of findSecrets(whole.toString('latin1'))) {
          assert.notEqual((whole[at] ?? 0) & 0xc0, 0x80);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('has no pattern whose work could grow faster than its input', () => {
    // Work is bounded by the length times the (fixed) bounds when nothing repeats without a bound.
    for (const pattern of [NAME, SCRIPT_WORD, AWS_SECRET, PEM_BEGIN, ...TOKEN_PATTERNS]) {
      const outside = pattern.source.replaceAll(/\\./g, 'x').replaceAll(/\[[^\]]*\]/g, 'c');
      assert.doesNotMatch(outside, /[*+]|\{\d+,\}/, `${pattern}`);
    }
  });

  it('reads 32 KiB of any piece repeated', () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), (pieces) => {
        const unit = Buffer.from(pieces.join('')).toString('latin1');
        const argv = unit.repeat(Math.ceil(32_768 / unit.length)).slice(0, 32_768);
        assert.ok(findSecrets(argv).length <= argv.length);
      }),
      { numRuns: 200 },
    );
  }).timeout(20_000);
});

describe('survey', () => {
  it('sees whether a text is ASCII', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(8), (bytes, start) => {
        const isPlain = redact.onlyAscii(redact.survey(bytes, start, bytes.length));
        assert.equal(
          isPlain,
          bytes.subarray(start).every((byte) => byte < 128),
        );
      }),
      { numRuns: 5000 },
    );
  });

  it('passes over no text with a secret', () => {
    const all = -1;
    for (const [given] of HIDDEN) {
      const bytes = Buffer.from(args(given));
      assert.ok(redact.findSecrets(bytes, 0, bytes.length).length > 0);
    }
    fc.assert(
      fc.property(hostile, (text) => {
        const bytes = Buffer.from(`xx${text}`);
        assert.deepEqual(
          redact.findSecrets(bytes, 2, bytes.length),
          redact.findSecrets(bytes, 2, bytes.length, all),
        );
      }),
      { numRuns: 20_000 },
    );
  });
});

const isSecretVariable = (name: string, value: string) =>
  redact.isSecretVariable(
    name,
    Buffer.from(`${name}=${value}`),
    name.length + 1,
    name.length + 1 + value.length,
  );

describe('isSecretVariable', () => {
  it('knows a secret by the name of its variable', () => {
    for (const name of [
      'PGPASSWORD',
      'GITHUB_TOKEN',
      'AWS_SECRET_ACCESS_KEY',
      'api-key',
      'SSHPASS',
      'TOKEN_2',
    ]) {
      assert.ok(isSecretVariable(name, 'x1'), name);
    }
  });

  it('knows a secret by its value', () => {
    assert.ok(isSecretVariable('DATABASE_URL', 'postgres://u:x1@h/db'));
    assert.ok(isSecretVariable('X', GITHUB));
  });

  it('leaves other variables', () => {
    for (const [name, value] of [
      ['LD_PRELOAD', '/usr/lib/libx.so'],
      ['SSH_CONNECTION', '10.0.0.1 5022 10.0.0.2 22'],
      ['PWD', '/root'],
      ['PASSWORD_FILE', '/run/secret'],
      ['PASSWORD', ''],
      ['PASSWORD', 'none'],
      ['SSH_AUTH_SOCK', '/tmp/x'],
    ] as const) {
      assert.ok(!isSecretVariable(name, value), name);
    }
  });
});
