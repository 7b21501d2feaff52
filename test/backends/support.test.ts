// SPDX-License-Identifier: Apache-2.0
// The servers that the other tests of this folder talk to: they start, answer and say what they do not understand.
import assert from 'node:assert/strict';
import { inFolder } from '../support/folder.ts';
import { buildLoki, startLoki } from '../support/loki.ts';
import { fetchPrometheus, startPrometheus } from '../support/prometheus.ts';
import { orSkip } from '../support/skip.ts';

describe('a server of the tests', function () {
  this.timeout('45m');

  it('is Loki, that answers queries and refuses what is none', async function () {
    const binary = orSkip(this, await buildLoki());
    await inFolder(async (dir) => {
      const loki = await startLoki(binary, dir);
      try {
        assert.deepEqual(await loki.lines('{service_name="nobody"}'), []);
        assert.deepEqual(await loki.samples('vector(3)'), [{ labels: {}, value: 3 }]);
        await assert.rejects(loki.lines('{service_name='), /400 parse error/);
      } finally {
        await loki.stop();
      }
    });
  });

  it('is Prometheus, that answers queries and refuses what is none', async function () {
    const programs = orSkip(this, await fetchPrometheus());
    await inFolder(async (dir) => {
      const prometheus = await startPrometheus(programs, dir);
      try {
        assert.deepEqual(await prometheus.query('up'), []);
        assert.deepEqual(await prometheus.query('vector(3)'), [{ labels: {}, value: 3 }]);
        await assert.rejects(prometheus.query('sum('), /parse error/);
      } finally {
        await prometheus.stop();
      }
    });
  });
});
