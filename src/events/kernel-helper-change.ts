// SPDX-License-Identifier: Apache-2.0
import { EventType, kernelHelperChange as h } from '../decode/layout.gen.ts';
import * as at from '../semconv.ts';
import { path } from './column-text.ts';
import { type EventDefinition, Severity } from './event.ts';

export const kernelHelperChange: EventDefinition = {
  name: 'agentsmith.kernel.helper.change',
  type: EventType.KERNEL_HELPER_CHANGE,
  severity: Severity.WARN,
  about:
    'A file was opened for writing that tells the kernel which program to start: release_agent of a control group, uevent_helper, binfmt_misc/register.',
  attributes: { [at.ATTR_FILE_PATH]: path(h.path) },
  summary: [at.ATTR_FILE_PATH],
  programs: { A: ['kernel_helper_open'], B: ['syscall_exit', 'kernel_helper_exit'] },
};
