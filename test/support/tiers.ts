// SPDX-License-Identifier: Apache-2.0
import { loadNative } from '../../src/sensor/native.ts';

export type Tier = 'A' | 'B';

function trampolines(): boolean {
  try {
    return loadNative().probeTrampoline();
  } catch {
    return false; // No permission: the watch skips.
  }
}

/** The tiers that this kernel offers: B is everywhere, A where BPF trampolines load. */
export const TIERS: readonly Tier[] = trampolines() ? ['A', 'B'] : ['B'];
