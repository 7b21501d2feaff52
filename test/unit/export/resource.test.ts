// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import * as incubating from '@opentelemetry/semantic-conventions/incubating';
import type { Detector } from '../../../src/config/lists.ts';
import { VERSION } from '../../../src/config/version.ts';
import {
  type HostFacts,
  hostAddresses,
  hostFacts,
  hostResource,
  parseMachineId,
  prettyName,
  type ResourceOptions,
  uuid5,
} from '../../../src/export/resource.ts';

const ID = '0123456789abcdef0123456789abcdef';
const facts: HostFacts = {
  name: 'web-1',
  machineId: ID,
  arch: 'x64',
  addresses: ['10.0.0.5', '2001:db8::5'],
  kernelRelease: '6.1.0-13-amd64',
  description: 'Debian GNU/Linux 12 (bookworm)',
};

const ALL: readonly Detector[] = ['serviceinstance', 'host', 'os', 'env'];
const resource = (given: Partial<ResourceOptions> = {}, of: HostFacts = facts) =>
  hostResource(of, { detectors: ALL, attributes: {}, ...given }).attributes;

describe('hostResource', () => {
  it('describes the host and this agent', () => {
    assert.deepEqual(resource({ nodeName: 'node-7' }), {
      'service.name': 'agentsmith-otel',
      'service.version': VERSION,
      'service.instance.id': uuid5('4d63009a-8d0f-11ee-aad7-4c796ed8e320', `${ID}web-1`),
      'host.id': ID,
      'host.name': 'web-1',
      'host.arch': 'amd64',
      'host.ip': ['10.0.0.5', '2001:db8::5'],
      'os.type': 'linux',
      'os.version': '6.1.0-13-amd64',
      'os.description': 'Debian GNU/Linux 12 (bookworm)',
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.name': 'opentelemetry',
      'telemetry.sdk.version': '3.1.0',
      'telemetry.distro.name': 'agentsmith-otel',
      'telemetry.distro.version': VERSION,
      'k8s.node.name': 'node-7',
    });
  });

  it('has no attribute for what is not known', () => {
    const bare = { ...facts, machineId: undefined, addresses: [], description: undefined };
    const attributes = resource({}, bare);
    for (const name of ['host.id', 'host.ip', 'os.description', 'k8s.node.name'])
      assert.ok(!(name in attributes), name);
  });

  it('lets what the user gave win over what was found, with its type', () => {
    const attributes = { 'host.name': 'h', 'service.name': 'b', 'a.list': ['x', 'y'], 'a.number': 4 };
    const all = resource({ attributes });
    for (const [name, value] of Object.entries(attributes)) assert.deepEqual(all[name], value, name);
    assert.equal(all['host.id'], ID);
  });

  it('is made of the detectors that were chosen, and names its program in any case', () => {
    const names = (...detectors: Detector[]) => Object.keys(resource({ detectors, nodeName: 'n' }));
    const always = names();
    assert.deepEqual(
      always.filter((name) => !name.startsWith('telemetry.')),
      ['service.name', 'service.version'],
    );
    const added = (...detectors: Detector[]) => names(...detectors).slice(always.length);
    assert.deepEqual(added('host'), ['host.id', 'host.name', 'host.arch', 'host.ip']);
    assert.deepEqual(added('os'), ['os.type', 'os.version', 'os.description']);
    assert.deepEqual(added('serviceinstance'), ['service.instance.id']);
    assert.deepEqual(added('env'), ['k8s.node.name']);
  });

  it("uses OpenTelemetry's names", () => {
    const known = new Set<unknown>(Object.values(incubating));
    for (const name of Object.keys(resource({ nodeName: 'n' }))) assert.ok(known.has(name), name);
  });

  it('works with the facts of this host', () => {
    const attributes = resource({}, hostFacts());
    assert.match(
      String(attributes['service.instance.id']),
      /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });
});

describe('host facts', () => {
  it('take a machine id only when it is one', () => {
    assert.equal(parseMachineId(`${ID.toUpperCase()}\n`), ID);
    for (const text of ['', 'uninitialized\n', ID.slice(1)]) assert.equal(parseMachineId(text), undefined);
  });

  it('read PRETTY_NAME with its quoting', () => {
    assert.equal(prettyName('NAME=x\nPRETTY_NAME="A \\"b\\" \\$c"\n'), 'A "b" $c');
    assert.equal(prettyName("PRETTY_NAME='A b'"), 'A b');
    assert.equal(prettyName('PRETTY_NAME=Alpine'), 'Alpine');
    assert.equal(prettyName('PRETTY_NAME=""\n'), undefined);
    assert.equal(prettyName('NAME=x'), undefined);
  });

  it('leave out loopback and link-local addresses', () => {
    const address = (text: string, internal = false) => ({ address: text, internal }) as never;
    assert.deepEqual(
      hostAddresses({
        lo: [address('127.0.0.1', true)],
        eth0: [address('fe80::1'), address('10.0.0.5'), address('10.0.0.5')],
      }),
      ['10.0.0.5'],
    );
  });

  it('make the UUID of RFC 9562', () => {
    assert.equal(
      uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com'),
      '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    );
  });
});
