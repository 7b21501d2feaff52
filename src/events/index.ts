// SPDX-License-Identifier: Apache-2.0
import type { Hooked } from '../sensor/sensor.ts';
import { dnsAnswer, dnsQuery } from './dns.ts';
import type { EventDefinition } from './event.ts';
import { fileEvents } from './file.ts';
import { filesystemMount } from './filesystem-mount.ts';
import { kernelBpfLoad } from './kernel-bpf-load.ts';
import { kernelHelperChange } from './kernel-helper-change.ts';
import { kernelKexecLoad } from './kernel-kexec-load.ts';
import { kernelModuleLoad } from './kernel-module-load.ts';
import { kernelParameterChange } from './kernel-parameter-change.ts';
import { networkBind } from './network-bind.ts';
import { networkConnect } from './network-connect.ts';
import { networkSocketConnect } from './network-socket-connect.ts';
import { processCredentialChange } from './process-credential-change.ts';
import { processExec } from './process-exec.ts';
import { processExit } from './process-exit.ts';
import { processNamespaceChange } from './process-namespace-change.ts';
import { processPtrace } from './process-ptrace.ts';

/** Every event, in the order of the docs. A new one is a line here (CONTRIBUTING.md). */
export function eventDefinitions(options: { redact: boolean }): readonly EventDefinition[] {
  return [
    processExec(options),
    processExit,
    networkConnect,
    networkBind,
    networkSocketConnect,
    ...fileEvents,
    dnsQuery,
    dnsAnswer,
    processPtrace,
    kernelModuleLoad,
    kernelBpfLoad,
    kernelKexecLoad,
    kernelParameterChange,
    kernelHelperChange,
    processCredentialChange,
    processNamespaceChange,
    filesystemMount,
  ];
}

/** What the kernel counts for these events: each, and the parts of which some are made. */
export function kernelRows(
  events: readonly EventDefinition[],
): readonly (Hooked & { readonly name: string })[] {
  const parts = new Map(events.flatMap((event) => event.parts ?? []).map((part) => [part.type, part]));
  return [...events, ...[...parts.values()].map((part) => ({ ...part, programs: {} }))];
}

/** Programs that run whatever events are on: they tell user space which processes there are. */
export const COMMON_PROGRAMS: readonly string[] = ['process_fork', 'process_exec', 'process_exit'];
