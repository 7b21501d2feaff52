// SPDX-License-Identifier: Apache-2.0

/** The map `known` of ebpf/lib/known.h: so many sets, found by the low bits of the process's number. */
const SETS = 16384;
/** struct known_process: u64 start, u32 pid, u32 image. */
const WAY_SIZE = 16;
const NOBODY = 0;
const ENDED = 0xffff_ffff;

/** The key of the set in which a process is written down. */
export function knownKey(pid: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(pid & (SETS - 1));
  return key;
}

/** Strikes a process out of its set. False when it is not there. `startLow`, `startHigh`: ns since boot, by its halves. */
export function strike(set: Buffer, pid: number, startLow: number, startHigh: number): boolean {
  for (let at = 0; at < set.length; at += WAY_SIZE) {
    if (set.readUInt32LE(at + 8) !== pid) continue;
    if (set.readUInt32LE(at) !== startLow || set.readUInt32LE(at + 4) !== startHigh) continue;
    set.writeUInt32LE(NOBODY, at + 12);
    return true;
  }
  return false;
}

/** Which processes are written down and live. `sets`: all values of the map, one behind the other. */
export function knownProcesses(sets: Buffer): (pid: number, startLow: number, startHigh: number) => boolean {
  const found = new Set<string>();
  for (let at = 0; at < sets.length; at += WAY_SIZE) {
    const image = sets.readUInt32LE(at + 12);
    if (image === NOBODY || image === ENDED) continue;
    found.add(`${sets.readUInt32LE(at + 8)} ${sets.readUInt32LE(at)} ${sets.readUInt32LE(at + 4)}`);
  }
  return (pid, startLow, startHigh) => found.has(`${pid} ${startLow} ${startHigh}`);
}
