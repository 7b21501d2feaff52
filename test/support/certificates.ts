// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skip } from './skip.ts';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A key and its certificate: paths, and what is in them. */
export interface Pair {
  readonly paths: { readonly key: string; readonly cert: string };
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** A CA of the test's own, made with openssl. */
export class TestCa {
  readonly folder: string;
  /** The path of its certificate. */
  readonly path: string;
  readonly cert: Buffer;
  #count = 0;

  /**
   * @param context the tests that need it are skipped where openssl is missing
   * @throws without a context, where it is missing
   */
  static make(context?: Mocha.Context): TestCa {
    try {
      return new TestCa();
    } catch (error) {
      if (context === undefined) throw error;
      const [message] = (error as Error).message.split('\n');
      return skip(context, `no certificate could be made with openssl (${message})`);
    }
  }

  private constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'agentsmith-ca-'));
    this.path = this.file('ca.pem');
    this.#openssl(
      'req',
      '-x509',
      ...CURVE,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=test CA',
      '-days',
      '2',
    );
    this.cert = readFileSync(this.path);
  }

  /** A path in the CA's folder. */
  file(name: string): string {
    return join(this.folder, name);
  }

  /**
   * A certificate for a name (`IP:127.0.0.1`, `DNS:receiver.test`).
   *
   * @param validity `past` = it has expired
   */
  issue(name: string, validity: 'now' | 'past' = 'now'): Pair {
    const stem = `pair${++this.#count}`;
    const [key, csr, cert] = ['key', 'csr', 'pem'].map((suffix) => `${stem}.${suffix}`) as [
      string,
      string,
      string,
    ];
    this.#openssl('req', ...CURVE, '-keyout', key, '-out', csr, '-subj', '/CN=receiver');
    writeFileSync(this.file(`${stem}.ext`), `subjectAltName=${name}\n`);
    // `x509 -days` takes no time in the past.
    writeFileSync(this.file('index.txt'), '');
    writeFileSync(
      this.file('ca.cnf'),
      '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n',
    );
    const times = {
      now: ['-days', '2'],
      past: ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'],
    }[validity];
    this.#openssl(
      ...['ca', '-batch', '-notext', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key'],
      ...['-in', csr, '-out', cert, '-extfile', `${stem}.ext`, ...times],
    );
    const paths = { key: this.file(key), cert: this.file(cert) };
    return { paths, key: readFileSync(paths.key), cert: readFileSync(paths.cert) };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'pipe' });
  }
}
