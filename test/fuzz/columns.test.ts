// SPDX-License-Identifier: Apache-2.0
// Straight bytes and readable records are the same whatever the kernel sends; hand-made cases: unit/events/straight.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  bindValues,
  bpfValues,
  connectValues,
  credentialValues,
  dnsSegmentValues,
  dnsValues,
  execValues,
  exitValues,
  fileType,
  fileValues,
  forkValues,
  helperValues,
  kexecValues,
  moduleValues,
  mountValues,
  namespaceValues,
  parameterValues,
  ptraceValues,
  socketValues,
} from '../support/arbitraries.ts';
import { fuzz } from '../support/fuzz.ts';
import { LANES, straightAndReadable } from '../support/lanes.ts';
import { officialRequest } from '../support/official.ts';
import {
  bind,
  bpfLoad,
  connect,
  credentialChange,
  dnsAnswer,
  dnsQuery,
  dnsSegment,
  exec,
  exit,
  file,
  fork,
  helperChange,
  introduction,
  kexecLoad,
  moduleLoad,
  mount,
  namespaceChange,
  parameterChange,
  ptrace,
  socketConnect,
} from '../support/records.ts';

const lanes = fc.constantFrom(...LANES);

const RECORDS: Readonly<Record<string, [number, fc.Arbitrary<Buffer>]>> = {
  exec: [4000, execValues.map(exec)],
  exit: [3000, exitValues.map(exit)],
  connect: [5000, connectValues.map(connect)],
  'dns query': [2500, dnsValues.map(dnsQuery)],
  'dns answer': [2500, dnsValues.map(dnsAnswer)],
  bind: [2000, bindValues.map(bind)],
  'credential change': [2000, credentialValues.map(credentialChange)],
  ptrace: [2000, ptraceValues.map(ptrace)],
  'module load': [1500, moduleValues.map(moduleLoad)],
  'BPF load': [1500, bpfValues.map(bpfLoad)],
  'namespace change': [1500, namespaceValues.map(namespaceChange)],
  mount: [1500, mountValues.map(mount)],
  'parameter change': [1000, parameterValues.map(parameterChange)],
  'helper change': [500, helperValues.map(helperChange)],
  'kexec load': [1000, kexecValues.map(kexecLoad)],
  'socket connect': [2000, socketValues.map(socketConnect)],
  'a file event': [3000, fc.tuple(fileValues, fileType).map(([values, type]) => file(values, type))],
};

describe('for any record, straight bytes are those of the official serializer:', function () {
  this.timeout('5m');

  for (const [name, [runs, arbitrary]] of Object.entries(RECORDS)) {
    it(name, () => {
      fuzz(
        runs,
        fc.property(lanes, arbitrary, (lane, record) => {
          const { straight, readable } = straightAndReadable(lane, [record]);
          assert.deepEqual(straight, [officialRequest(readable)]);
        }),
      );
    });
  }

  it('a stream in which processes are introduced, fork, act and exit', () => {
    const any = fc.oneof(
      execValues.map(introduction),
      forkValues.map(fork),
      execValues.map(exec),
      exitValues.map(exit),
      connectValues.map(connect),
      dnsValues.map(dnsQuery),
      // Queries: the durations of their answers could be whole seconds.
      dnsSegmentValues.map((values) => dnsSegment({ ...values, flags: 0 })),
      bindValues.map(bind),
      credentialValues.map(credentialChange),
      ptraceValues.map(ptrace),
      moduleValues.map(moduleLoad),
      bpfValues.map(bpfLoad),
      namespaceValues.map(namespaceChange),
      mountValues.map(mount),
      socketValues.map(socketConnect),
      fc.tuple(fileValues, fileType).map(([values, type]) => file(values, type)),
    );
    fuzz(
      600,
      fc.property(lanes, fc.array(any, { minLength: 2, maxLength: 8 }), (lane, records) => {
        const { straight, readable } = straightAndReadable(lane, records);
        assert.deepEqual(straight, readable.length > 0 ? [officialRequest(readable)] : []);
      }),
    );
  });
});
