// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Clock } from '../../src/clock.ts';
import { processExec } from '../../src/decode/layout.gen.ts';
import { Processes } from '../../src/enrich/processes.ts';
import { type ReadableEvent, runnable } from '../../src/events/event.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import { jsonLine } from '../../src/export/json.ts';
import { RecordingReader } from '../../src/sensor/recording.ts';
import { repository } from './repository.ts';

/** The recording for tests without root; made by test/fixtures/record.ts. */
export const FIXTURE = join(repository, 'test/fixtures/basic.ring');

/** What a recording says of the processes in it. */
export interface RecordedProcess {
  readonly pid: number;
  readonly parent: number;
  readonly nodename: string;
}

/** Everything in a recording: each process that a record names, and the readable records. */
export function readRecording(path: string): { processes: RecordedProcess[]; records: ReadableEvent[] } {
  const reader = new RecordingReader(path);
  const { namespaces, users } = reader.head;
  const clock = new Clock();
  const host = { clock, namespaces, userName: (uid: number) => users[uid] };
  const definitions = eventDefinitions({ redact: true }).map((definition) =>
    runnable(definition, { detail: 'standard', body: true, host, hookOf: () => undefined }),
  );
  const cache = new Processes();
  const processes = new Map<number, RecordedProcess>();
  const records: ReadableEvent[] = [];
  for (let next = reader.next(); next; next = reader.next()) {
    clock.offset = next.clockOffset;
    for (const event of next.batch) {
      const process = cache.of(event);
      const { pid, nodename } = process;
      // Whose parent ends is somebody else's later.
      if (!processes.has(pid))
        processes.set(pid, { pid, parent: process.u32(processExec.who.parentPid), nodename });
      const definition = definitions.find(({ type }) => type === event.type);
      if (definition) records.push(definition.read(event, process, next.batch.observed));
    }
  }
  reader.close();
  return { processes: [...processes.values()], records };
}

/** The first record of each event, by the name of its golden file, as the text of that file. */
export function goldens(records: readonly ReadableEvent[]): Map<string, string> {
  const texts = new Map<string, string>();
  for (const record of records) {
    const name = `${record.eventName.replace('agentsmith.', '').replaceAll('.', '-')}.json`;
    if (!texts.has(name)) texts.set(name, `${JSON.stringify(JSON.parse(jsonLine(record)), null, 2)}\n`);
  }
  return texts;
}

const MAGIC_BYTES = 8;

/** Takes from the head of a recording all user names but those that every machine has. */
export function forgetUsers(path: string): void {
  const bytes = readFileSync(path);
  const length = bytes.readUInt32LE(MAGIC_BYTES);
  const start = MAGIC_BYTES + 4;
  const head = JSON.parse(bytes.toString('utf8', start, start + length)) as object;
  const text = Buffer.from(JSON.stringify({ ...head, users: { 0: 'root' } }));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  const rest = bytes.subarray(start + length);
  writeFileSync(path, Buffer.concat([bytes.subarray(0, MAGIC_BYTES), size, text, rest]));
}
