// SPDX-License-Identifier: Apache-2.0
// Who loads BPF programs, on both tiers, and who is refused. That the agent's own are filtered: the last test.
import assert from 'node:assert/strict';
import { EventType } from '../../src/decode/layout.gen.ts';
import { COMMON_PROGRAMS } from '../../src/events/index.ts';
import { LiveSensor } from '../../src/sensor/live.ts';
import { loadNative } from '../../src/sensor/native.ts';
import { expectBetween, expectRecord } from '../support/expect.ts';
import { errnoName } from '../support/ptrace.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled, skip } from '../support/triggers.ts';
import { pidOf, type Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

const LOAD = 'agentsmith.kernel.bpf.load';
const TYPES: Readonly<Record<number, string>> = {
  1: 'socket_filter',
  2: 'kprobe',
  6: 'xdp',
  8: 'cgroup_skb',
};

interface Deed extends Truth {
  /** What BPF_OBJ_GET_INFO_BY_FD says; absent when it was refused. */
  readonly id?: number;
  readonly type?: number;
  readonly name?: string;
  readonly result: number;
  readonly before: string;
  readonly after: string;
}

for (const tier of TIERS) {
  describe(`kernel.bpf.load on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;

    before(function () {
      watch = openWatch(this, { events: ['kernel.bpf.load', 'process.exit'], trampolines: tier === 'A' });
    });

    after(() => watch?.close());

    const programOf = (id: number | undefined, abi: string) => {
      if (tier === 'B') return 'kernel_bpf_exit';
      return id === undefined ? `kernel_bpf_${abi}` : 'kernel_bpf_loaded';
    };

    const expectAll = async (context: Mocha.Context, way: string, abi = 'native') => {
      watch.requires(context, LOAD);
      const lines = await watch.lines<Deed>('kernel-bpf', [way]);
      const reason = lines.find((line) => line.skip !== undefined)?.skip;
      if (reason !== undefined) return skip(context, reason);
      const pid = pidOf(lines[0]!.proc);
      const records = watch.all(LOAD, (r) => r.attributes['process.pid'] === pid);
      assert.equal(records.length, lines.length);
      for (const [i, { id, type, name, result, before, after, proc }] of lines.entries()) {
        const shown = [type === undefined ? undefined : TYPES[type], name || undefined, errnoName(result)];
        expectRecord(watch, records[i]!, {
          severity: 13,
          program: programOf(id, abi),
          full: false,
          lean: false,
          own: {
            'agentsmith.bpf.program.name': name || undefined,
            'agentsmith.bpf.program.type': type === undefined ? undefined : TYPES[type],
            'agentsmith.bpf.program.id': id,
            'error.type': errnoName(result),
          },
          body: shown.filter((part) => part !== undefined).join(' '),
          proc,
        });
        expectBetween(watch, records[i]!, before, after);
      }
      return lines;
    };

    it('tells type, name and id', async function () {
      assert.ok((await expectAll(this, 'types')).every(({ result }) => result === 0));
    });

    it('sees what is refused, with its errno', async function () {
      assert.ok((await expectAll(this, 'refused')).every(({ result }) => result < 0));
    });

    it('sees the 32-bit system calls', async function () {
      const lines = await expectAll(this, 'int80', 'compat');
      assert.deepEqual(
        lines.map(({ result }) => result < 0),
        [false, true],
      );
    });

    it('counts what the agent itself loads as filtered', async function () {
      watch.requires(this, LOAD);
      const before = watch.counts(EventType.KERNEL_BPF_LOAD).filtered;
      const sensor = new LiveSensor(loadNative(), {
        ringBytes: 64 << 10,
        common: COMMON_PROGRAMS,
        events: [],
        environment: [],
      });
      await sensor.stop();
      assert.ok(watch.counts(EventType.KERNEL_BPF_LOAD).filtered >= before + COMMON_PROGRAMS.length);
      assert.deepEqual(
        watch.all(LOAD, (r) => r.attributes['process.pid'] === process.pid),
        [],
      );
    });
  });
}
