// SPDX-License-Identifier: Apache-2.0
import { EventType, KexecFlag, kernelKexecLoad as k } from '../decode/layout.gen.ts';
import * as at from '../semconv.ts';
import { constant, either, errno, flag, when } from './column.ts';
import { path } from './column-text.ts';
import { type EventDefinition, Severity } from './event.ts';

const onCrash = flag(k.flags, KexecFlag.ON_CRASH);
const unload = flag(k.flags, KexecFlag.UNLOAD);

export const kernelKexecLoad: EventDefinition = {
  name: 'agentsmith.kernel.kexec.load',
  type: EventType.KERNEL_KEXEC_LOAD,
  severity: Severity.WARN,
  about:
    'Another kernel was loaded to run after this one (kexec), or after it has crashed, or was unloaded; attempts too.',
  attributes: {
    [at.KEXEC_ACTION]: either(
      unload,
      constant('unload'),
      either(onCrash, constant('load_on_crash'), constant('load')),
    ),
    [at.ATTR_FILE_PATH]: path(k.file),
    [at.KEXEC_INITRD_PATH]: path(k.initrd),
    [at.KEXEC_FROM_MEMORY]: when(flag(k.flags, KexecFlag.FROM_MEMORY), constant(true)),
    [at.ATTR_ERROR_TYPE]: errno(k.result),
  },
  summary: [at.KEXEC_ACTION, [' ', at.ATTR_FILE_PATH], [' ', at.ATTR_ERROR_TYPE]],
  programs: {
    A: ['kernel_kexec_native', 'kernel_kexec_compat', 'kernel_kexec_file_native'],
    B: ['syscall_exit', 'kernel_kexec_exit'],
    // A kernel without kexec, or without 32-bit system calls, lacks nothing.
    optional: ['kernel_kexec_native', 'kernel_kexec_compat', 'kernel_kexec_file_native'],
  },
};
