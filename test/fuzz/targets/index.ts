// SPDX-License-Identifier: Apache-2.0
import type { Target } from '../../support/fuzzer.ts';
import { answers } from './answers.ts';
import { config } from './config.ts';
import { decoder } from './decoder.ts';
import { dns } from './dns.ts';
import { filter } from './filter.ts';
import { spool } from './spool.ts';

/** All that takes bytes from outside: the kernel's, the network's, the disk's, the user's. */
export const TARGETS: readonly Target[] = [decoder, dns, spool, answers, config, filter];
