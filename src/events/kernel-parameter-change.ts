// SPDX-License-Identifier: Apache-2.0
import { EventType, ParameterFlag, kernelParameterChange as p } from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import * as at from '../semconv.ts';
import { constant, flag, when } from './column.ts';
import { text } from './column-text.ts';
import { type EventDefinition, Severity } from './event.ts';

/**
 * Parameters by which the kernel starts a program as root, or gives up what protects it or lets it be watched; all others
 * are settings.
 */
const GRAVE: ReadonlySet<string> = new Set([
  'kernel/core_pattern',
  'kernel/modprobe',
  'kernel/hotplug',
  'kernel/poweroff_cmd',
  'kernel/usermodehelper/bset',
  'kernel/usermodehelper/inheritable',
  'kernel/ftrace_enabled',
  'kernel/kptr_restrict',
  'kernel/perf_event_paranoid',
  'kernel/randomize_va_space',
  'kernel/unprivileged_bpf_disabled',
  'kernel/yama/ptrace_scope',
  'vm/mmap_min_addr',
]);

const nameOf = (event: RawEvent) => {
  const start = event.textStart(p.name);
  return event.bytes.toString('latin1', start, start + event.textLength(p.name));
};

export const kernelParameterChange: EventDefinition = {
  name: 'agentsmith.kernel.parameter.change',
  type: EventType.KERNEL_PARAMETER_CHANGE,
  severity: {
    values: [Severity.WARN, Severity.INFO],
    of: (event) => (GRAVE.has(nameOf(event)) ? Severity.WARN : Severity.INFO),
  },
  about:
    'A file below /proc/sys was written. WARN where the kernel starts a program by it, or is protected or watched by it: core_pattern, modprobe, kptr_restrict, …',
  attributes: {
    [at.PARAMETER_NAME]: text(p.name),
    [at.PARAMETER_VALUE]: text(p.value),
    [at.PARAMETER_OLD_VALUE]: text(p.oldValue),
    [at.PARAMETER_TRUNCATED]: when(flag(p.flags, ParameterFlag.TRUNCATED), constant(true)),
  },
  summary: [at.PARAMETER_NAME, [': ', at.PARAMETER_OLD_VALUE], [' → ', at.PARAMETER_VALUE]],
  programs: { always: ['kernel_parameter'] },
};
