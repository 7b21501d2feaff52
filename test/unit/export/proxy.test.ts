// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { isExempt, proxyFor } from '../../../src/export/proxy.ts';

// Which proxy the environment means. That it is used: connection.test.ts.

describe('proxyFor', () => {
  for (const [env, secure, url] of [
    [{ HTTPS_PROXY: 'http://p:1' }, true, 'http://p:1'],
    [{ HTTPS_PROXY: 'http://p:1' }, false, undefined],
    [{ HTTP_PROXY: 'p:2' }, false, 'http://p:2'],
    [{ https_proxy: 'http://lower:1', HTTPS_PROXY: 'http://upper:1' }, true, 'http://lower:1'],
    [{ ALL_PROXY: 'http://all:3' }, true, 'http://all:3'],
    [{ all_proxy: 'https://all' }, false, 'https://all'],
    [{ HTTPS_PROXY: '', ALL_PROXY: ' ' }, true, undefined],
    [{ HTTPS_PROXY: 'http://p', NO_PROXY: 'receiver.test' }, true, undefined],
    [{ HTTPS_PROXY: 'http://p', no_proxy: 'other', NO_PROXY: '*' }, true, 'http://p'],
  ] as const) {
    it(`is ${url} for ${secure ? 'TLS' : 'plaintext'} with ${JSON.stringify(env)}`, () =>
      assert.equal(proxyFor('receiver.test', 4317, secure, env)?.url, url));
  }

  it('has default ports, and credentials that no message shows', () => {
    const proxy = proxyFor('c', 443, true, { HTTPS_PROXY: 'http://us%40er:p%3Aw@proxy' })!;
    assert.deepEqual([proxy.host, proxy.port, proxy.url], ['proxy', 80, 'http://proxy']);
    assert.equal(proxy.authorization, `Basic ${Buffer.from('us@er:p:w').toString('base64')}`);
    assert.equal(proxyFor('c', 443, true, { HTTPS_PROXY: 'https://[::1]' })?.port, 443);
    assert.equal(proxyFor('c', 443, true, { HTTPS_PROXY: 'https://[::1]' })?.host, '::1');
  });

  for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '::1', 'a.localhost']) {
    it(`is never used for ${host}`, () =>
      assert.equal(proxyFor(host, 4317, false, { HTTP_PROXY: 'http://p' }), undefined));
  }

  for (const text of ['socks5://secret@p:1', 'http://secret:x@p:99999']) {
    it(`refuses ${text} with one line that names the variable, and no secret`, () =>
      assert.throws(
        () => proxyFor('c', 4317, true, { HTTPS_PROXY: text }),
        (error: Error) =>
          error.name === 'EndpointError' &&
          error.message.startsWith('HTTPS_PROXY') &&
          !error.message.includes('secret'),
      ));
  }
});

describe('NO_PROXY', () => {
  for (const [list, host, port, exempt] of [
    ['*', 'a.b', 1, true],
    ['', 'a.b', 1, false],
    ['example.com', 'example.com', 1, true],
    ['example.com', 'a.Example.com', 1, true],
    ['example.com', 'notexample.com', 1, false],
    ['.example.com', 'a.example.com', 1, true],
    ['.example.com', 'example.com', 1, false],
    ['*.example.com', 'a.b.example.com', 1, true],
    ['example.com:4317', 'example.com', 4317, true],
    ['example.com:4317', 'example.com', 4318, false],
    ['a, example.com ,b', 'example.com', 1, true],
    ['10.0.0.0/8', '10.200.1.1', 1, true],
    ['10.0.0.0/8', '11.0.0.1', 1, false],
    ['10.0.0.0/33', '10.0.0.1', 1, false],
    ['10.0.0.1', '10.0.0.1', 1, true],
    ['0.0.1', '10.0.0.1', 1, false],
    ['10.0.0.1:2', '10.0.0.1', 2, true],
    ['fd00::/8', 'fd12::1', 1, true],
    ['fd12::1', '[fd12::1]', 1, true],
    ['[fd12::1]:5', 'fd12::1', 5, true],
    ['[fd12::1]:5', 'fd12::1', 6, false],
    ['fd00::/8', '10.0.0.1', 1, false],
  ] as const) {
    it(`"${list}" ${exempt ? 'exempts' : 'does not exempt'} ${host}:${port}`, () =>
      assert.equal(isExempt(host, port, list), exempt));
  }
});
