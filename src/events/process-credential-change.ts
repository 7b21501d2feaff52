// SPDX-License-Identifier: Apache-2.0
import { processCredentialChange as c, EventType } from '../decode/layout.gen.ts';
import type { Field, RawEvent } from '../decode/record.ts';
import * as at from '../semconv.ts';
import { type Column, computed, int, when } from './column.ts';
import { type EventDefinition, Severity } from './event.ts';

/** A set of capabilities as /proc/PID/status shows it and capsh reads it. */
const capabilities = (field: Field): Column =>
  computed('string', (event) => event.u64(field).toString(16).padStart(16, '0'));

const becameRoot = (event: RawEvent) => event.u32(c.oldEuid) !== 0 && event.u32(c.who.euid) === 0;
/** Rights in a namespace of its own are none over the host: browsers and rootless containers make them all day. */
const isInNewNamespace = (event: RawEvent) =>
  event.u32(c.oldUserNs) !== event.u32(c.who.userNs) &&
  event.u32(c.who.uid) === event.u32(c.oldUid) &&
  event.u32(c.who.suid) === event.u32(c.oldSuid);
const isApart = (event: RawEvent) =>
  event.u64(c.permitted) !== event.u64(c.oldPermitted) || event.u64(c.permitted) !== event.u64(c.effective);

/** The change in one word: `1000 → 0`; where the effective user is the same, what else was gained. */
function shown(event: RawEvent): string {
  const [before, after] = [event.u32(c.oldEuid), event.u32(c.who.euid)];
  if (before !== after) return `${before} → ${after}`;
  const gained = event.u64(c.permitted) & ~event.u64(c.oldPermitted);
  const used = event.u64(c.effective) & ~event.u64(c.oldEffective);
  if ((gained | used) !== 0n) return `${after} gains capabilities ${(gained | used).toString(16)}`;
  return `${after} gains ${event.u32(c.who.uid) === 0 && event.u32(c.oldUid) !== 0 ? 'real' : 'saved'} user 0`;
}

export const processCredentialChange: EventDefinition = {
  name: 'agentsmith.process.credential.change',
  type: EventType.PROCESS_CREDENTIAL_CHANGE,
  dataType: 604,
  severity: {
    values: [Severity.WARN2, Severity.WARN, Severity.INFO],
    of: (event) =>
      becameRoot(event) ? Severity.WARN2 : isInNewNamespace(event) ? Severity.INFO : Severity.WARN,
  },
  about:
    'A process may do more than before: its effective user became root (WARN2), another id did or it gained capabilities (WARN), it did so only within a new user namespace of its own (INFO).',
  attributes: {
    [at.CREDENTIAL_OLD_USER_ID]: {
      ...int(c.oldEuid),
      text: (event, _process, out) => {
        out.text(shown(event));
        return true;
      },
    },
    [at.CREDENTIAL_OLD_REAL_USER_ID]: int(c.oldUid),
    [at.CREDENTIAL_OLD_GROUP_ID]: int(c.oldEgid),
    [at.PROCESS_CAPABILITIES]: capabilities(c.effective),
    [at.CREDENTIAL_OLD_CAPABILITIES]: capabilities(c.oldEffective),
    [at.PROCESS_PERMITTED_CAPABILITIES]: when(isApart, capabilities(c.permitted)),
    [at.CREDENTIAL_OLD_PERMITTED]: when(isApart, capabilities(c.oldPermitted)),
  },
  summary: [at.CREDENTIAL_OLD_USER_ID],
  programs: {
    always: ['process_exec', 'process_credential_rename'],
    A: ['process_credential_commit'],
    alongSyscalls: ['process_credential_fork', 'process_credential_exit'],
  },
};
