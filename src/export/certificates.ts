// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import tls from 'node:tls';
import { diag } from '@opentelemetry/api';
import type { Named } from '../config/receiver-settings.ts';
import { EndpointError } from './endpoint.ts';

/** Paths of PEM files. */
export interface CertificateFiles {
  /** The certificates to trust instead of the built-in ones. */
  readonly ca?: Named<string>;
  /** Our certificate, for receivers that ask for one, and its key. */
  readonly cert?: Named<string>;
  readonly key?: Named<string>;
}

const KINDS = ['ca', 'cert', 'key'] as const;

/** PEM files that are read again once they have changed: certificates live for days, agents for months. */
export class Certificates {
  readonly #files: CertificateFiles;
  #stamp: string;
  #context: tls.SecureContext;
  /** Of what was told of the files last. */
  #told = '';

  /** @throws EndpointError what a user asked for has to be there: without their CA, others would be trusted */
  constructor(files: CertificateFiles) {
    this.#files = files;
    if ((files.cert === undefined) !== (files.key === undefined)) {
      const name = (files.cert ?? files.key)!.name;
      throw new EndpointError(
        `${name}: a client certificate and its key are needed together (OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_KEY)`,
      );
    }
    this.#stamp = this.#look();
    this.#context = this.#read();
  }

  /** For a new connection. Files that are halfway through their change leave everything as it is, and are told of once. */
  get context(): tls.SecureContext {
    const stamp = this.#look();
    if (stamp === this.#stamp) return this.#context;
    try {
      this.#context = this.#read();
      this.#stamp = stamp;
      this.#told = '';
      diag.info(`certificates were read again: ${this.#paths()}`);
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#told) diag.warn(`${message}; the certificates read before stay in use`);
      this.#told = message;
    }
    return this.#context;
  }

  /** Whether we show a certificate of our own. */
  get areShown(): boolean {
    return this.#files.cert !== undefined;
  }

  /** Whether both mean the same files. */
  equals(other: Certificates): boolean {
    return KINDS.every((kind) => this.#files[kind]?.value === other.#files[kind]?.value);
  }

  #paths(): string {
    return KINDS.flatMap((kind) => this.#files[kind]?.value ?? []).join(', ');
  }

  /** What changes when a file does; three calls of stat for a connection. */
  #look(): string {
    const stamps = KINDS.map((kind) => {
      const path = this.#files[kind]?.value;
      if (path === undefined) return '';
      try {
        const { ino, size, mtimeNs } = statSync(path, { bigint: true });
        return `${ino} ${size} ${mtimeNs}`;
      } catch {
        // Reading it says why.
        return '';
      }
    });
    return stamps.join();
  }

  #read(): tls.SecureContext {
    const contents: { [kind in (typeof KINDS)[number]]?: Buffer } = {};
    for (const kind of KINDS) {
      const file = this.#files[kind];
      if (file === undefined) continue;
      try {
        contents[kind] = readFileSync(file.value);
      } catch (error) {
        throw new EndpointError(
          `${file.name}: cannot read ${file.value} (${(error as NodeJS.ErrnoException).code})`,
        );
      }
    }
    this.#check(contents);
    return tls.createSecureContext(contents);
  }

  /** Each kind alone first: OpenSSL does not say which file it did not like, and passes over a CA that is none. */
  #check(contents: { readonly [kind in (typeof KINDS)[number]]?: Buffer }): void {
    const { ca, cert, key } = contents;
    const refuse = (kinds: readonly (typeof KINDS)[number][], what: string, error: unknown) => {
      const names = kinds.map((kind) => `${this.#files[kind]!.name} (${this.#files[kind]!.value})`);
      return new EndpointError(`${names.join(' and ')} ${what}: ${(error as Error).message}`);
    };
    for (const kind of KINDS) {
      const content = contents[kind];
      if (content === undefined) continue;
      try {
        if (kind === 'key') createPrivateKey(content);
        else new X509Certificate(content);
      } catch (error) {
        throw refuse([kind], `holds no PEM ${kind === 'key' ? 'key' : 'certificate'}`, error);
      }
    }
    if (cert === undefined || key === undefined) return;
    try {
      tls.createSecureContext({ ...(ca && { ca }), cert, key });
    } catch (error) {
      throw refuse(['cert', 'key'], 'do not belong together', error);
    }
  }
}
