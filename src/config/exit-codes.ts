// SPDX-License-Identifier: Apache-2.0

/** How the program ends, with the numbers of sysexits.h where it has one. */
export const ExitCode = {
  OK: 0,
  USAGE: 64,
  DATA: 65,
  NO_INPUT: 66,
  UNAVAILABLE: 69,
  SOFTWARE: 70,
  OS: 71,
  CANNOT_CREATE: 73,
  IO: 74,
  IN_USE: 75,
  NO_PERMISSION: 77,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** One line each, for `--help` and the docs. */
export const EXIT_MEANINGS: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [ExitCode.OK, 'done, or stopped by SIGINT or SIGTERM'],
  [ExitCode.USAGE, 'a wrong flag, value, endpoint or configuration file'],
  [ExitCode.DATA, 'the recording is corrupt, or the BPF object belongs to another version'],
  [ExitCode.NO_INPUT, 'the file to read is not there'],
  [ExitCode.UNAVAILABLE, 'something needed is missing: BTF, a hook, the receiver (doctor)'],
  [ExitCode.SOFTWARE, 'a bug in agentsmith-otel'],
  [ExitCode.OS, 'the operating system refused for lack of something: memory, descriptors'],
  [ExitCode.CANNOT_CREATE, 'the file to write, or the state directory, cannot be used'],
  [ExitCode.IO, 'reading or writing failed on the way'],
  [ExitCode.IN_USE, 'another agent uses the state directory'],
  [ExitCode.NO_PERMISSION, 'not root, or without the capabilities that eBPF needs'],
];
