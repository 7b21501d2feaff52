// SPDX-License-Identifier: Apache-2.0
import { EventType, ModuleFlag, kernelModuleLoad as m } from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import * as at from '../semconv.ts';
import { type Column, computed, constant, errno, flag, summaryOf, when } from './column.ts';
import { chars, path } from './column-text.ts';
import { type EventDefinition, Severity } from './event.ts';

/** By bit: Documentation/admin-guide/tainted-kernels.rst. */
const LETTERS = 'PFSRMBUDAWCIOELKXTNJ';

const known = flag(m.flags, ModuleFlag.KNOWN);
const fromMemory = flag(m.flags, ModuleFlag.FROM_MEMORY);

/** The letters of the bits that are set; absent when the module taints nothing. */
function taintsOf(event: RawEvent): string | undefined {
  const bits = event.low(m.taints);
  const letters = [...LETTERS].filter((_, bit) => (bits >>> bit) & 1);
  return letters.length > 0 ? letters.join('') : undefined;
}

/** The name, and what parts it from what follows. */
const name: Column = {
  ...chars(m.name),
  text: (event, process, out) => {
    summaryOf(chars(m.name))(event, process, out);
    out.byte(0x20);
    return true;
  },
};

const file: Column = {
  ...path(m.file),
  text: (event, process, out) => {
    if (!summaryOf(path(m.file))(event, process, out))
      out.text(fromMemory(event) ? 'from memory' : 'no file');
    return true;
  },
};

const signed: Column = computed('bool', (event) => (event.u32(m.flags) & ModuleFlag.SIGNED) !== 0);

export const kernelModuleLoad: EventDefinition = {
  name: 'agentsmith.kernel.module.load',
  type: EventType.KERNEL_MODULE_LOAD,
  dataType: 603,
  severity: Severity.WARN,
  about:
    'A kernel module was loaded, or somebody tried to. What the kernel asks for by itself is seen as the act of modprobe, which it starts.',
  attributes: {
    [at.ATTR_FILE_PATH]: file,
    [at.MODULE_FROM_MEMORY]: when(fromMemory, constant(true)),
    [at.MODULE_NAME]: when(known, name),
    [at.MODULE_SIGNED]: when(known, signed),
    [at.MODULE_TAINTS]: when(known, computed('string', taintsOf)),
    [at.ATTR_ERROR_TYPE]: errno(m.result),
  },
  summary: [at.MODULE_NAME, at.ATTR_FILE_PATH, [' ', at.ATTR_ERROR_TYPE]],
  programs: {
    A: [
      'kernel_module_init_native',
      'kernel_module_init_compat',
      'kernel_module_finit_native',
      'kernel_module_finit_compat',
      'kernel_module_file',
      'kernel_module_named',
    ],
    B: ['syscall_exit', 'kernel_module_exit', 'kernel_module_named'],
    // A kernel without modules or without 32-bit system calls lacks nothing.
    optional: [
      'kernel_module_init_compat',
      'kernel_module_finit_compat',
      'kernel_module_file',
      'kernel_module_named',
    ],
  },
};
