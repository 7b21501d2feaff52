// SPDX-License-Identifier: Apache-2.0
/*
 * Loads, attaches and closes the BPF object again and again, and prints one line of JSON for each time: a process of its
 * own, so that nothing else moves its memory. Needs node --expose-gc.
 *
 *   node --expose-gc build/test/support/loads.js COUNT
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { EventType } from '../../src/decode/layout.gen.ts';
import { COMMON_PROGRAMS } from '../../src/events/index.ts';
import { LiveSensor } from '../../src/sensor/live.ts';
import { loadNative } from '../../src/sensor/native.ts';

/** What is left behind one load. */
export interface Left {
  /** What each descriptor leads to. */
  readonly descriptors: readonly string[];
  /** Mappings of BPF maps: while it was loaded, and now. */
  readonly mapped: number;
  readonly mappings: number;
  /** Anonymous memory in KiB: that of files comes and goes with the page cache. */
  readonly memory: number;
  /** Of what was loaded. */
  readonly programs: readonly number[];
  readonly maps: readonly number[];
}

function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, 'N');
      } catch {
        return ''; // That of the folder itself.
      }
    })
    .filter((target) => target !== '')
    .sort();
}

function idsHeld(name: 'prog_id' | 'map_id'): number[] {
  const ids = new Set<number>();
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    try {
      const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
      for (const [, id] of info.matchAll(new RegExp(`^${name}:\\s*(\\d+)$`, 'gm'))) ids.add(Number(id));
    } catch {
      // That of the folder itself.
    }
  }
  return [...ids];
}

const mappings = () => readFileSync('/proc/self/maps', 'utf8').match(/anon_inode:\S*bpf-map/g)?.length ?? 0;

async function once(): Promise<Left> {
  const sensor = new LiveSensor(loadNative(), {
    ringBytes: 64 << 10,
    common: COMMON_PROGRAMS,
    events: [{ type: EventType.PROCESS_EXEC, programs: { always: ['process_exec'] } }],
    environment: [],
  });
  sensor.start(() => {});
  const loaded = { mapped: mappings(), programs: idsHeld('prog_id'), maps: idsHeld('map_id') };
  await sensor.stop();
  // Handles are closed in the next turn of the loop, and buffers are given back by the collector, then finalized.
  for (let turn = 0; turn < 2; turn++) {
    globalThis.gc!();
    await setImmediate();
  }
  const memory = Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  return { ...loaded, descriptors: descriptors(), mappings: mappings(), memory };
}

if (import.meta.filename === process.argv[1]) {
  for (let left = Number(process.argv[2]); left > 0; left--) console.log(JSON.stringify(await once()));
}
