// SPDX-License-Identifier: Apache-2.0
import { cpus, release, totalmem } from 'node:os';
import { type Figure, short } from './figures.ts';
import { KINDS, PEERS } from './peer-table.ts';

/** A set target: at most so much, or at least. */
interface Target {
  readonly figure: string;
  readonly what: string;
  readonly limit: number;
  readonly atLeast?: boolean;
  /** Of what the figure is compared with, not of the figure: at most so many times it. */
  readonly times?: boolean;
}

const TARGETS: readonly Target[] = [
  { figure: 'handler.exec', what: 'handler of exec, ns', limit: 2300 },
  { figure: 'handler.connect.call', what: 'program on connect, ns', limit: 550 },
  { figure: 'handler.connect', what: 'all nine runs of programs in a connection, ns', limit: 550 },
  { figure: 'handler.dns', what: 'handler of a DNS message, ns', limit: 250 },
  { figure: 'handler.file', what: 'handler of a file that is made, ns', limit: 650 },
  { figure: 'handler.exit', what: 'handler of exit, ns', limit: 700 },
  { figure: 'handler.ptrace', what: 'handler of ptrace, ns', limit: 200 },
  { figure: 'tax.getpid', what: 'an unrelated system call, times', limit: 1.2, times: true },
  { figure: 'pipeline.cpu.connect.grpc', what: 'agent CPU of a connect, µs', limit: 1 },
  { figure: 'pipeline.cpu.connect.http', what: 'the same over HTTP, µs', limit: 1 },
  { figure: 'pipeline.cpu.file.grpc', what: 'agent CPU of a file event, µs', limit: 1 },
  { figure: 'pipeline.cpu.exec.grpc', what: 'agent CPU of an exec, µs', limit: 3 },
  { figure: 'rate.replay.connect', what: 'replayed events/s, none lost', limit: 300_000, atLeast: true },
  {
    figure: 'rate.kernel.connect',
    what: 'events/s from the kernel, none lost',
    limit: 300_000,
    atLeast: true,
  },
  {
    figure: 'rate.sustained.connect.lost',
    what: 'lost of 300,000/s from the kernel in 30 s, events',
    limit: 0,
  },
  { figure: 'rate.sustained.connect.rss', what: 'resident memory at 300,000/s, MiB', limit: 150 },
  { figure: 'delay.p99', what: 'from the kernel to the receiver, 99 of 100, ms', limit: 500 },
  { figure: 'delay.warning.p99', what: 'the same of a warning, ms', limit: 50 },
  { figure: 'bill.connect.paced.agentsmith', what: 'whole bill of a connect at 5,000/s, µs', limit: 12 },
  { figure: 'bill.connect.full.agentsmith', what: 'whole bill of a connect at full speed, µs', limit: 5 },
  { figure: 'bill.file.paced.agentsmith', what: 'whole bill of a file at 5,000/s, µs', limit: 12 },
  { figure: 'bill.file.full.agentsmith', what: 'whole bill of a file at full speed, µs', limit: 5 },
  { figure: 'bill.exec.full.agentsmith', what: 'whole bill of an exec at full speed, µs', limit: 40 },
  { figure: 'idle.rss', what: "idle resident memory beside the ring's mapping, MiB", limit: 90 },
  { figure: 'idle.cpu', what: 'idle CPU, % of a core', limit: 0.3 },
  { figure: 'start.attached', what: 'from start to all hooks attached, ms', limit: 1000 },
];

/** The original's own figures (README of AgentSmith-HIDS), µs: i7-4870HQ, 2 cores, CentOS 7, Linux 3.10. */
const ORIGINAL: readonly (readonly [hook: string, micros: number, figure: string | undefined])[] = [
  ['execve_entry', 10.4, 'handler.exec'],
  ['connect', 7.5, 'handler.connect'],
  ['connect_entry', 0.06, undefined], // one hook sees the result
  ['recvfrom (DNS)', 9.2, 'handler.dns'],
  ['recvfrom_entry', 0.17, 'handler.packet'],
  ['fsnotify_post', 0.07, 'handler.file'],
];

const row = (...cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const find = (figures: readonly Figure[], name: string) => figures.find((figure) => figure.name === name);

function targets(figures: readonly Figure[]): string[] {
  return TARGETS.map(({ figure, what, limit, atLeast, times }) => {
    const found = find(figures, figure);
    const value = times && found?.ratio ? 1 / found.ratio : found?.value;
    const isMet = value !== undefined && (atLeast ? value >= limit : value <= limit);
    return row(
      what,
      `${atLeast ? '≥' : '≤'} ${short(limit)}`,
      value === undefined ? '–' : short(value),
      isMet ? 'met' : '**not met**',
    );
  });
}

/** The machine for which the targets in time were set (an Intel Xeon): a getpid, ns, and a connect through the stock SDK, µs. */
const SET_ON = { getpid: 87, stock: 31 };

/** What there is of this machine to compare it with. */
function machine(figures: readonly Figure[]): string {
  const against = (name: string) => {
    const found = find(figures, name);
    return found?.ratio ? short(found.value * found.ratio) : '–';
  };
  return `Those in time were set on a machine where a getpid takes ${SET_ON.getpid} ns and a connect through the stock SDK ${SET_ON.stock} µs
of CPU. On this one these take ${against('tax.getpid')} ns and ${against('pipeline.cpu.connect.grpc')} µs.`;
}

function original(figures: readonly Figure[]): string[] {
  return ORIGINAL.map(([hook, micros, name]) => {
    const ours = name === undefined ? undefined : find(figures, name);
    return row(hook, `${micros}`, ours ? (ours.value / 1000).toFixed(2) : 'no such hook', name ?? '–');
  });
}

/** µs of an event and what was lost of it: `12.3 (0.5 % lost)`. */
function bill(figures: readonly Figure[], name: string): string {
  const [total, lost] = [find(figures, name), find(figures, `${name}.lost`)];
  if (!total) return '–';
  return `${short(total.value)}${lost && lost.value > 0 ? ` (${short(lost.value)} % lost)` : ''}`;
}

/** One row for each agent that ran. */
function peerRows(figures: readonly Figure[]): string[] {
  return PEERS.map(({ name }) => name)
    .filter((name) => find(figures, `bill.ready.${name}`))
    .map((name) =>
      row(
        name,
        ...KINDS.flatMap((kind) =>
          ['paced', 'full'].map((pace) => bill(figures, `bill.${kind}.${pace}.${name}`)),
        ),
        short(find(figures, `bill.getpid.${name}`)!.value),
        short(find(figures, `bill.ready.${name}`)!.value),
        short(find(figures, `bill.rss.${name}`)!.value),
      ),
    );
}

/** docs/performance.md of a run: nothing in it names the machine it ran on. */
export function page(figures: readonly Figure[]): string {
  const [cpu] = cpus();
  return `<!-- Written by \`npm run bench -- --write\` (test/bench/page.ts): do not edit. -->

# What it costs

${cpu?.model ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}.
Virtual machines share their cores with others: a figure of one run can be 40 % off. What is compared (\`ratio\`) ran in turns.
Repeat it: \`npm run bench\` as root, about half an hour.

## Figures

${row('figure', 'value', 'unit', 'ratio', 'against')}
${row('---', '---:', '---', '---:', '---')}
${figures
  .filter(({ name }) => !name.startsWith('bill.'))
  .map((f) =>
    row(f.name, short(f.value), f.unit, f.ratio === null ? '' : `×${short(f.ratio)}`, f.against ?? ''),
  )
  .join('\n')}

## Targets

${machine(figures)}

${row('what', 'target', 'measured', '')}
${row('---', '---:', '---:', '---')}
${targets(figures).join('\n')}

## Beside the original

µs in the kernel for each event. Its figures are its authors' (i7-4870HQ, 2 cores, CentOS 7, Linux 3.10): another machine and
another kernel, so they orient and do not compare.

${row('hook of the original', 'original', 'ours', 'figure')}
${row('---', '---:', '---:', '---')}
${original(figures).join('\n')}

## Beside others

The whole bill of an event, µs of CPU: the agent's own, and what the program that makes the events needs more than without it.
Connections, files and programs, each at a steady rate (5,000/s; programs 300/s) and as fast as they can be made, in turns; what
could not be fetched or does not run here has no row. These do not do the same: agentsmith is the default (every record with its
process, redacted, over OTLP to a receiver, with hooks for twenty other events), bpftrace three probes that print four fields,
homemade the same lines through Node and the stock SDK to the same receiver, auditd rules for the one program that makes the
events, in its own text. Other agents join by a line in \`test/bench/peer-table.ts\`.

${row('agent', ...KINDS.flatMap((kind) => [`${kind}, steady`, `${kind}, full speed`]), 'getpid, ns', 'first event, ms', 'RSS, MiB')}
${row('---', ...KINDS.flatMap(() => ['---:', '---:']), '---:', '---:', '---:')}
${peerRows(figures).join('\n')}

## How it is measured

- **handler**: BPF_ENABLE_STATS while a small program execs or connects in a loop, ns for each run, median of seven rounds. The
  clock of bpf_stats itself adds about 20 ns to each run, which is not subtracted. What is executed has twelve arguments and 24
  environment variables. \`connect.call\` is the program on connect(2) alone; a connection is that, all changes of state
  on both of its ends, and the release of both sockets: nine runs, so 180 ns are that clock's. Files are made in memory (tmpfs). A datagram is one that is sent without connect where others went before. Others on the
  machine are counted too.
- **tax**: the best of 100 times 20,000 getpid calls, with every program attached and with none, nine rounds in turns.
- **pipeline**: user and system time of the whole agent process, all threads, from the bytes of a ring drain until a receiver in
  another process has acknowledged every record, over gRPC or HTTP on loopback, uncompressed where the name does not say
  otherwise; fresh processes in each of five rounds, warm-up left out; against \`--pipeline sdk\` (LoggerProvider,
  BatchLogRecordProcessor, the stock exporter of the same protocol) in the same rounds, zstd and TLS against the same way
  without. 4096 different events; each exec is a fork record and an exec record of a process never seen before, each exit a
  fork and an exit; one of 16 command lines holds a secret.
- **redact**: the same for exec with redaction and with \`--no-redact\`; \`search\` is one call on a command line of 113 bytes, on one
  with two secrets, and on the worst of 58 command lines of 32 KiB written to be slow.
- **heap**: growth of the JS heap for each event from ring bytes to a closed batch, without a collection in between.
- **rate**: replay feeds connect records as fast as the receiver takes them, for 30 s; kernel is a program that connects a
  datagram socket in a loop, at the highest of several rates at which nothing was lost, for 30 s, and sustained the same at
  300,000/s. Maker, agent and receiver share the cores.
- **delay**: from the kernel's time of an event until its record is with a receiver in another process, through the CLI as it is
  started: 1,000 files a second for ten seconds, and a warning (ptrace) every 50 ms meanwhile.
- **outage**: the CLI with \`--state-dir\` at 5,000 connects/s for 30 s with a receiver (\`outage.rss.before\`: the second half), 60 s
  without (\`outage.rss\`), and until all that waited on disk is delivered (\`outage.rss.replay\`): the highest resident memory, ten
  looks a second, without the pages of the ring.
- **idle**: the CLI sending to a receiver for 60 s; \`idle.events\` is what others on the machine caused. The pages of the ring are
  mapped twice: \`idle.rss\` is without them.
- **macro**: CPU (user and system time of the whole job) and wall time of twelve compilations of a C file, and of a tree of several
  thousand files that is unpacked and deleted, with the agent as it starts by default, sending to a receiver, and without it;
  seven rounds in turns. \`instructions\`: one compilation, one tree (median of three), and the
  handlers, in a guest with a stock 6.12 kernel (tier A) whose clock counts instructions.
- **peers**: user and system time of all processes of an agent (of auditd with the kernel's kauditd) while 15,000 connections or
  files and 900 programs are made at the steady rate, and 40,000, 60,000 and 4,000 at full speed, and until no more of them
  arrive; median of three rounds, after 40,000 and 5,000 that do not count. What the workload costs alone is measured before and
  behind each agent in each round. What is made and does not arrive is lost; OTLP receivers are not on the bill, files are.
  "getpid": what a call that nobody asked about takes longer, the best of 50 times 20,000; the machine itself makes some 30 ns.
  "First event": from the start of the agent until an event that happened meanwhile has arrived.
- **start**: from the start of the process until it says that everything is attached, median of five.
`;
}
