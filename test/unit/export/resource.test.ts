// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import * as incubating from '@opentelemetry/semantic-conventions/incubating';
import fc from 'fast-check';
import { VERSION } from '../../../src/config/version.ts';
import {
  type HostFacts,
  hostAddresses,
  hostFacts,
  hostResource,
  parseMachineId,
  prettyName,
  resourceAttributes,
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

describe('hostResource', () => {
  it('describes the host and this agent', () => {
    assert.deepEqual(hostResource(facts, { K8S_NODE_NAME: 'node-7' }).attributes, {
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
    const { attributes } = hostResource(bare, {});
    for (const name of ['host.id', 'host.ip', 'os.description', 'k8s.node.name'])
      assert.ok(!(name in attributes), name);
  });

  it('lets the standard variables win, OTEL_SERVICE_NAME last', () => {
    const env = {
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=a,deployment.environment.name=pro%2Cd, host.name = h',
    };
    assert.equal(hostResource(facts, env).attributes['service.name'], 'a');
    const { attributes } = hostResource(facts, { ...env, OTEL_SERVICE_NAME: 'b' });
    assert.equal(attributes['service.name'], 'b');
    assert.equal(attributes['deployment.environment.name'], 'pro,d');
    assert.equal(attributes['host.name'], 'h');
  });

  it('never says process.* or container.id of the agent itself', () => {
    const { attributes } = hostResource(facts, {
      OTEL_RESOURCE_ATTRIBUTES: 'process.pid=1,container.id=x,a=b',
    });
    assert.equal(attributes.a, 'b');
    assert.ok(
      !Object.keys(attributes).some((name) => name.startsWith('process.') || name === 'container.id'),
    );
  });

  it("uses OpenTelemetry's names", () => {
    const known = new Set<unknown>(Object.values(incubating));
    for (const name of Object.keys(hostResource(facts, { K8S_NODE_NAME: 'n' }).attributes))
      assert.ok(known.has(name), name);
  });

  it('works with the facts of this host', () => {
    const { attributes } = hostResource(hostFacts(), {});
    assert.match(
      String(attributes['service.instance.id']),
      /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });
});

describe('resourceAttributes', () => {
  it('is void as a whole when one pair is wrong', () => {
    for (const text of ['a=b,c', 'a=b,=c', 'a=b=c', 'a=%zz', `a=${'x'.repeat(256)}`])
      assert.deepEqual(resourceAttributes(text), {}, text);
    assert.deepEqual(resourceAttributes(' a = b ,, c='), { a: 'b', c: '' });
  });

  it('gives back what was percent-encoded', () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((each) => each.trim() === each && each.length < 256);
    fc.assert(
      fc.property(fc.dictionary(text, text, { maxKeys: 5 }), (given) => {
        const pairs = Object.entries(given).map((pair) => pair.map(encodeURIComponent).join('='));
        assert.deepEqual(resourceAttributes(pairs.join(',')), { ...given });
      }),
    );
    fc.assert(
      fc.property(fc.string(), (any) =>
        Object.values(resourceAttributes(any)).every((value) => typeof value === 'string'),
      ),
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
