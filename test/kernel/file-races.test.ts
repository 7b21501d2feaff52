// SPDX-License-Identifier: Apache-2.0
// Descriptors that are closed by another thread before the open returns: each file that was made is told once, where
// nothing better is known as unresolved. And a flood: what the ring has no room for is counted.
import assert from 'node:assert/strict';
import { EventType } from '../../src/decode/layout.gen.ts';
import { FILE_EVENTS, filesOf, inDirectory, tierOfFiles } from '../support/files.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled, skip, Trigger } from '../support/triggers.ts';
import { pidOf, type Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

interface Race extends Truth {
  readonly made: number;
  readonly directory: string;
}

/** Their records fit into the ring all together. */
const FILES = 1000;
/** Those of a flood do not. */
const FLOOD = 2000;

for (const tier of TIERS) {
  describe(`files whose descriptors are closed at once, on tier ${tier}`, function () {
    this.timeout(scaled(60_000));
    let watch: Watch | undefined;

    afterEach(async () => {
      await watch?.close();
      watch = undefined;
    });

    for (const way of ['open', 'openat2', 'uring']) {
      it(`are all told (${way})`, async function () {
        watch = openWatch(this, { events: FILE_EVENTS, trampolines: tier === 'A' });
        watch.requires(this, 'agentsmith.file.create');
        const seen = watch;
        const race = await inDirectory((cwd) => seen.run<Race>('file-races', [way, `${FILES}`], { cwd }));
        if (race.skip !== undefined) skip(this, race.skip);
        assert.equal(race.made, FILES);
        const records = filesOf(watch, pidOf(race.proc));
        const wanted = Array.from({ length: FILES }, (_, i) => `${race.directory}/f${i}`);
        assert.deepEqual(
          records.map((r) => r.attributes['file.path']),
          wanted,
        );
        assert.ok(records.every((r) => r.eventName === 'agentsmith.file.create'));
        const unresolved = records.filter((r) => r.attributes['agentsmith.file.unresolved'] === true);
        if (tierOfFiles(watch) === 'A') assert.equal(unresolved.length, 0);
        for (const { attributes } of records)
          assert.equal(
            attributes['file.inode'] === undefined,
            attributes['agentsmith.file.unresolved'] === true,
          );
        console.log(`      ${unresolved.length} of ${FILES} unresolved`);
      });
    }

    it('are refused before anything else when the ring is nearly full', async function () {
      watch = openWatch(this, {
        events: FILE_EVENTS,
        ringBytes: 512 << 10,
        start: false,
        trampolines: tier === 'A',
      });
      watch.requires(this, 'agentsmith.file.create');
      await inDirectory((cwd) => new Trigger('file-races', ['open', `${FLOOD}`], { cwd }).end());
      const { attempted, submitted, filtered, reserved, ringFull } = watch.counts(EventType.FILE_CREATE);
      assert.ok(attempted >= FLOOD);
      assert.ok(reserved > 0, 'none was refused');
      assert.equal(ringFull, 0);
      assert.equal(attempted, submitted + filtered + reserved);
      const exits = watch.counts(EventType.PROCESS_EXIT);
      watch.start();
      // An eighth of this ring, which files leave to them, holds some two hundred.
      if (exits.attempted > 100) skip(this, `${exits.attempted} processes of this machine ended meanwhile`);
      assert.equal(exits.ringFull, 0);
    });
  });
}
