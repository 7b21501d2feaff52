// SPDX-License-Identifier: Apache-2.0
import { sumOf } from '../src/health/status.ts';
import type { ChaosRow, Course, Soak } from '../test/support/chaos-outcomes.ts';

const number = (value: number) => value.toLocaleString('en');

/** The reasons of losses, all events together. */
function reasons({ lost }: ChaosRow): string {
  const counts = new Map<string, number>();
  for (const [name, count] of Object.entries(lost)) {
    const reason = name.slice(name.lastIndexOf(' ') + 1);
    counts.set(reason, (counts.get(reason) ?? 0) + count);
  }
  return [...counts].map(([reason, count]) => `${number(count)} \`${reason}\``).join(', ') || '0';
}

const sum = (rows: readonly ChaosRow[], of: (row: ChaosRow) => number) =>
  number(rows.reduce((all, row) => all + of(row), 0));

/** The sentence of the README. */
export function chaosSentence(rows: readonly ChaosRow[]): string {
  return (
    `${rows.length} storms, ${sum(rows, ({ happened }) => happened)} events in all, with a Collector, a disk, a clock or the agent itself failing in the midst: ` +
    `${sum(rows, ({ delivered }) => delivered)} arrived,\n${sum(rows, ({ lost }) => sumOf(lost))} were counted as lost, ` +
    `${sum(rows, ({ unclean }) => unclean)} lie within the gap that a killed agent leaves, ${sum(rows, ({ unexplained }) => unexplained)} are unexplained:\n` +
    '[docs/reliability.md](docs/reliability.md), made from the run.\n'
  );
}

function table(rows: readonly ChaosRow[]): string {
  let text =
    '| what happens | receiver | events | arrived | counted as lost | within `unclean_stop` | twice | unexplained | memory, MiB |\n' +
    '| --- | --- | ---: | ---: | --- | ---: | --- | ---: | ---: |\n';
  for (const row of rows) {
    const { scenario, receiver, happened, delivered, unclean, twice, whyTwice, unexplained, rss } = row;
    const again = twice === 0 ? '0' : `${number(twice)}: ${whyTwice}`;
    text += `| ${scenario} | ${receiver} | ${number(happened)} | ${number(delivered)} | ${reasons(row)} | ${number(unclean)} | ${again} | ${unexplained} | ${rss} |\n`;
  }
  return text;
}

function soaked(soak: Soak): string {
  const { minutes, rate, events, lost, cpuPercent, resident, own, isFlat, note } = soak;
  const told = ({ least, most, growth, error }: Course) =>
    `${least.toFixed(1)} to ${most.toFixed(1)} MiB, ${growth < 0 ? '−' : '+'}${Math.abs(growth).toFixed(2)} ± ${error.toFixed(2)} MiB an hour`;
  return `## Memory over time

\`npm run soak\` (an hour, or \`-- --minutes N\`) runs the agent under a steady load of connections, DNS queries, files and programs,
behind two minutes at ten times the rate, and fits a line through the memory that is resident behind the first quarter. It is flat when
it grows by less than half a percent an hour, or by less than two standard errors. Of it the agent's own is what it has allocated
(RssAnon); the rest are pages of files, node's own and the ring's. What a storm filled of the agent's buffers goes back when a minute
has passed that did not need it. The last run that was written: ${minutes} minutes, ${rate.toFixed(0)} events/s,
${number(events)} delivered, ${number(lost)} lost, ${cpuPercent.toFixed(1)} % of a core; resident ${told(resident)}: ${isFlat ? 'flat' : '**not flat**'};
its own ${told(own)}.
${note === undefined ? '' : `${note}\n`}
`;
}

/** docs/reliability.md, without its first line. */
export function reliabilityPage(rows: readonly ChaosRow[], soak: Soak): string {
  return `${HEAD}${TRIED}${table(rows)}\n${soaked(soak)}${TAIL}`;
}

const TRIED = `## Tried

\`npm run chaos\` (\`test/chaos/\`; \`npm test\` has it in short) does each of these for real, with the built agent, and makes this table. The
events are numbered deeds of a user that nobody else is, so that the agent counts these alone: connections, each to an address
of its own, and programs that start and end. Each row is held against four witnesses: what the deeds' own programs say that they
did; the agent's ledger; the numbers (\`agentsmith.event.cpu\`, \`agentsmith.event.sequence\`) of what the receiver got, which know
nothing of the ledger; and the gap records in the stream. *Unexplained* is what is left when all is added up, record by
record. After a kill each missing deed and each missing number lies, by its time, within the gap. What came twice is looked at
request by request. *Collector* is a real one with otel-collector.yaml, killed with SIGKILL; *test receiver* gives
answers that a Collector cannot be made to give. Memory is the highest that was seen, the ring's pages counted twice.

A gap record can be lost itself: refused by a receiver that refuses records for good, or with the oldest file of a spool that is full.
What it would have told is in the counters, and in the totals of the next heartbeat. Events
that were in the ring while the clock was set have the time of the clock as it is set then.

`;

const HEAD = `# Reliability

What is kept where, how much of it, and what happens when it is full. Every record that is lost is counted
([metrics.md](metrics.md)) and told of in the stream (\`agentsmith.sensor.gap\`); at any moment of a run

    attempted + recovered = delivered + filtered + in the ring + in memory + spooled + every counted loss

## The places where a record can be

| place | bound | when it is full |
|---|---|---|
| ring, between kernel and agent | \`--ring-size\`, 8 MiB | frequent events (network, DNS) are refused when less than an eighth is free: \`reserved\`; the others when nothing is: \`ring_full\` |
| open batch | 3.5 MiB, 16,384 records, 200 ms | it is closed |
| queue before the receiver | \`--queue-size\`, 64 MiB | from three quarters on, while something waits, frequent events are left out: \`shed\`; the others when it is full: \`queue_full\`. With \`--state-dir\` what it does not hold goes to disk, and nothing is shed while the disk takes it |
| on their way | 2 requests | the others wait |
| on their way to the disk | 16 MiB | they wait in the queue |
| spool, on disk | \`--spool-size\`, 512 MiB | the oldest file, at most 8 MiB, is dropped: \`spool_full\` |

A recording (\`replay\`) can wait: it is read on when there is room, and loses nothing to a slow receiver.

Gap records travel in a request of their own: another that finds no room would take along what tells of losses.

## The spool (\`--state-dir DIR\`, in a program \`stateDir\`)

Without it, records that the receiver does not take wait in memory, and are lost with the agent. With it:

- As soon as an attempt fails that may be repeated, everything that waits goes to disk in its order, and so does what comes.
  What is on its way is copied, and tried on.
- As soon as the receiver takes a request, live records go straight to it, and the spool is read behind them, in its order, one
  batch at a time. While live traffic takes every slot, each fourth request is one from disk.
- At a stop, what was not acknowledged goes to disk. The next start with the same directory sends it, with the Resource that it
  was made with.
- While nothing fails, nothing is written but the time in \`run\` (below), once a second when it has changed.

A batch whose acknowledgement was lost, or came in the second before a crash, comes twice. \`host.id\`,
\`agentsmith.event.cpu\` and \`agentsmith.event.sequence\` make a record's identity: receivers drop the second.

Records of an earlier run are counted under their own event, in three metrics: \`recovered\` (how many there were at the start),
\`spooled\`, and \`exported\` or \`dropped\` in the end. Written for another protocol (JSON and protobuf are not exchanged) they count as
\`rejected\`.

The directory is made if need be, in a folder that is there. It has to belong to the user that the agent runs as (root), with mode
0700, no symbolic link on its path, below folders that nobody else can change; else the agent says why in one line and ends with
73. One agent uses it at a time: the kernel holds its lock (flock on \`lock\`) as long as the process lives; a second one ends with 75.

### Files

\`spool/NNNNNNNNNNNNNNNN.spool\`, mode 0600: batches one behind the other, each with lengths, a CRC-32 of its header and one of its
content, the names of its events and the request as it will be sent. CRC-32 is zlib's, which Node brings: it finds torn and
flipped bytes as CRC-32C does. An acknowledged batch is marked in place; a file of which nothing is needed is deleted. Writing and
reading never block the agent: everything runs one after the other in the background.

| what happened | what is read | counted |
|---|---|---|
| the last batch is torn (kill -9, power, full disk) | everything before it; the rest is cut off | \`spool_corrupt\`, its records; 1 when its header is torn too |
| bytes of a batch changed | all others | \`spool_corrupt\` |
| a header changed | the file up to it, and all other files | \`spool_corrupt\`; after a restart 1, as nobody knows how many followed |
| the disk is full | as when the spool is: the oldest file goes | \`spool_full\` |
| the disk refuses for another reason, or there is no older file | batches wait in memory; the disk is asked again each second | \`queue_full\` when memory is full too |

### What a crash costs

Killed (kill -9, out of memory, a bug), the agent loses what is in the ring, in the open batch and, while the receiver takes
records, in the queue. The next start with the same directory emits one \`agentsmith.sensor.gap\` with reason \`unclean_stop\`, without a
count: every event that is missing lies between its start and its end. The start is the time in \`run\`: up to it every
record was acknowledged or on disk; it is written once a second, so that it may be a second early, never late. The end is the
moment at which all hooks were attached again.

When the host crashes, files that were written but not yet synchronized are lost. The spool is synchronized (fdatasync) a second
after the first write, with each full file, and at a stop; a new file's name with its first batch. The time in \`run\` never passes
what is synchronized, so the gap covers that too. \`run\` itself is synchronized at start and stop: after a power failure it may
be older, and the gap longer.

`;

const TAIL = `## What is not there

- The stock SDK lane (\`--pipeline sdk\`) and files (\`--output file:\`) have no spool.
- Nothing is acknowledged to the kernel: what happens while no agent runs is not seen. The gap says when that was.
`;
