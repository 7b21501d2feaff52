// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { uuid5 } from '../../src/export/resource.ts';
import { repository } from './repository.ts';

const version = (path: string): string =>
  (JSON.parse(readFileSync(join(repository, path), 'utf8')) as { version: string }).version;

function machineId(): string | undefined {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

const MACHINES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

/** The Resource of an agent on this machine, asked of other sources than the agent's where there are any. */
export function expectedResource(): Record<string, string | string[]> {
  const id = machineId();
  const own = version('package.json');
  const addresses = Object.values(os.networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address)
    .sort();
  const description = execFileSync('/bin/sh', ['-c', '. /etc/os-release; printf %s "$PRETTY_NAME"'], {
    encoding: 'utf8',
  });
  const machine = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();
  return {
    'service.name': 'agentsmith-otel',
    'service.version': own,
    'service.instance.id': uuid5('4d63009a-8d0f-11ee-aad7-4c796ed8e320', (id ?? '') + os.hostname()),
    ...(id && { 'host.id': id }),
    'host.name': os.hostname(),
    'host.arch': MACHINES[machine] ?? machine,
    ...(addresses.length > 0 && { 'host.ip': addresses }),
    'os.type': 'linux',
    'os.version': os.release(),
    ...(description && { 'os.description': description }),
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.name': 'opentelemetry',
    'telemetry.sdk.version': version('node_modules/@opentelemetry/core/package.json'),
    'telemetry.distro.name': 'agentsmith-otel',
    'telemetry.distro.version': own,
  };
}
