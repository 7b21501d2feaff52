// SPDX-License-Identifier: Apache-2.0
import type { View } from '../agent.ts';
import { networkConnect, processExec, processExit } from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import type { Column } from '../events/column.ts';
import { type EventDefinition, Severity } from '../events/event.ts';

/** The kernel's records, by the event that the agent makes of each: the fields that a definition of one's own can use. */
const RECORDS = {
  'process.exec': processExec,
  'process.exit': processExit,
  'network.connect': networkConnect,
} as const;

/** Names of the kernel's records. */
export type RecordName = keyof typeof RECORDS;

/** The fields of a kernel record (ebpf/events.h), for the columns. */
export type Fields<R extends RecordName> = (typeof RECORDS)[R];

/** An event of one's own over a kernel record. */
export interface OwnEvent<R extends RecordName = RecordName> {
  /** Name of the LogRecord: lower case with dots, not below `agentsmith.`. */
  readonly name: string;
  /** {@link Severity}; INFO by default. */
  readonly severity?: number;
  /** One sentence: what happened. */
  readonly about: string;
  /** Which of the kernel's records are meant; all by default. Read what is needed, keep nothing: the bytes are reused. */
  only?(event: RawEvent, fields: Fields<R>): boolean;
  /**
   * The attributes beside the process block: columns over fields, or columns of the agent's own event, where secrets
   * are redacted already.
   */
  attributes(source: {
    readonly fields: Fields<R>;
    readonly base: Readonly<Record<string, Column>>;
  }): Readonly<Record<string, Column>>;
  /** The line for people: literals, names of attributes, and [literal, name] pairs that vanish with the attribute. */
  readonly summary: EventDefinition['summary'];
}

/** What {@link defineEvent} gives; for `views` of `createAgent`. */
export interface DefinedEvent {
  readonly name: string;
  readonly record: RecordName;
  /** The view over the agent's own definition of the record. */
  over(base: EventDefinition): View;
}

const NAME = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/;

/**
 * Whether a name may be a user's own: lower case, with dots, and not below `agentsmith.`, whose names have a meaning.
 * @throws TypeError
 */
export function checkOwnName(name: string): void {
  if (!NAME.test(name) || name.length > 127)
    throw new TypeError(
      `"${name}" is no event name: lower case words with dots between them, as "example.login"`,
    );
  if (name.startsWith('agentsmith.'))
    throw new TypeError(`"${name}": names below agentsmith. are the agent's own`);
}

/**
 * Defines an event of one's own: another view of a record that the kernel sends anyway. It costs what an event of the
 * agent costs; nothing is added in the kernel.
 *
 * ```ts
 * const tls = defineEvent('network.connect', {
 *   name: 'example.tls.connect',
 *   about: 'A program connected to a TLS port.',
 *   only: (event, fields) => event.u16(fields.dport) === 443,
 *   attributes: ({ base }) => ({ 'network.peer.address': base['network.peer.address']! }),
 *   summary: ['TLS → ', 'network.peer.address'],
 * });
 * ```
 *
 * @throws TypeError for a name that cannot be one's own
 */
export function defineEvent<R extends RecordName>(record: R, event: OwnEvent<R>): DefinedEvent {
  checkOwnName(event.name);
  const fields = RECORDS[record];
  const { name, about, severity = Severity.INFO, summary, only } = event;
  return {
    name,
    record,
    over: (base) => ({
      base,
      definition: {
        name,
        about,
        severity,
        summary,
        type: base.type,
        attributes: event.attributes({ fields, base: base.attributes }),
        programs: base.programs,
        ...(base.fullBlock && { fullBlock: true }),
        ...(base.highVolume && { highVolume: true }),
      },
      ...(only && { only: (raw: RawEvent) => only(raw, fields) }),
    }),
  };
}
