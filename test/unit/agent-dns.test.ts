// SPDX-License-Identifier: Apache-2.0
// The books of events that are made of several records of the ring: every message over TCP is received once, and is
// exported, filtered or lost; segments themselves are neither.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from '../../src/agent.ts';
import { DnsFlag, EventType } from '../../src/decode/layout.gen.ts';
import type { ReadableEvent } from '../../src/events/event.ts';
import { Recorder, RecordingReader, ReplaySensor } from '../../src/sensor/recording.ts';
import { MESSAGES } from '../support/dns-messages.ts';
import { EVENTS, HOST } from '../support/lanes.ts';
import { batchOf, dnsAnswer, dnsQuery, dnsSegment } from '../support/records.ts';

const { DNS_QUERY, DNS_ANSWER, DNS_SEGMENT } = EventType;
const framed = (message: Buffer) => Buffer.concat([Buffer.of(message.length >> 8, message.length), message]);
const QUERY = MESSAGES.get('a query')!;
const REPLY = MESSAGES.get('two addresses behind an alias')!;

describe('the ledger of DNS', () => {
  const dir = mkdtempSync(join(tmpdir(), 'agentsmith-dns-'));
  after(() => rmSync(dir, { recursive: true }));

  /** Runs an agent on the records; those of the tree of process 4100 are selected. */
  async function run(name: string, records: Buffer[], events = EVENTS, tree?: number) {
    const path = join(dir, name);
    const recorder = new Recorder(path, { namespaces: HOST.namespaces, users: {}, hooks: [] });
    recorder.append(batchOf(records), 1_763_000_000_000_000_000n);
    recorder.close();
    const printed: ReadableEvent[] = [];
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const agent = new Agent({
      sensor: new ReplaySensor(new RecordingReader(path), { fast: true, onEnd: () => end() }),
      events,
      detail: 'standard',
      body: true,
      host: HOST,
      ...(tree !== undefined && { tree }),
      print: (record) => void printed.push(record),
    });
    await agent.start();
    await ended;
    await agent.stop(0);
    return { agent, printed };
  }

  const segments = (pid: number, cookie: bigint): Buffer[] => [
    // The length alone, the rest with a second message, and the answers.
    dnsSegment({ message: framed(QUERY).subarray(0, 2), who: { pid }, cookie }),
    dnsSegment({
      message: Buffer.concat([QUERY, framed(QUERY)]),
      tcpSequence: 2,
      who: { pid },
      cookie,
    }),
    dnsSegment({ message: framed(REPLY), flags: DnsFlag.ANSWER, who: { pid }, cookie }),
  ];

  const balance = ({ ledger }: Agent, type: number) => {
    const name = ledger.name(type);
    let lost = 0;
    for (const { event, count } of ledger.losses()) if (event === name) lost += count;
    assert.equal(ledger.received[type], ledger.exported[type]! + ledger.filtered[type]! + lost);
    return [ledger.received[type], ledger.exported[type], ledger.filtered[type], lost];
  };

  it('counts every message of a stream once, whatever segments brought it', async () => {
    const records = [
      dnsQuery({ message: QUERY }),
      dnsAnswer({ message: REPLY }),
      ...segments(4100, 1n),
      ...segments(4200, 2n),
    ];
    const { agent, printed } = await run('both', records, EVENTS, 4100);
    assert.deepEqual(balance(agent, DNS_QUERY), [5, 3, 2, 0]);
    assert.deepEqual(balance(agent, DNS_ANSWER), [3, 2, 1, 0]);
    assert.equal(agent.ledger.received[DNS_SEGMENT], 0);
    assert.equal(printed.length, 5);
  });

  it('counts what never became whole as incomplete, and tells of it', async () => {
    const half = framed(QUERY).subarray(0, 20);
    const { agent, printed } = await run('half', [
      dnsSegment({ message: half, header: { time: 1n } }),
      dnsSegment({ message: framed(QUERY), cookie: 2n, header: { time: 500_000_000_000n } }),
    ]);
    assert.deepEqual(balance(agent, DNS_QUERY), [2, 1, 0, 1]);
    const gap = printed.find(({ eventName }) => eventName === 'agentsmith.sensor.gap');
    assert.equal(gap?.attributes['agentsmith.gap.reason'], 'incomplete');
    assert.equal(gap?.attributes['agentsmith.gap.event'], 'agentsmith.dns.query');
  });

  it('leaves out the event that is off', async () => {
    const only = EVENTS.filter(({ type }) => type === DNS_ANSWER);
    const { agent, printed } = await run('one', segments(4100, 1n), only);
    assert.deepEqual(balance(agent, DNS_ANSWER), [1, 1, 0, 0]);
    assert.equal(agent.ledger.received[DNS_QUERY], 0);
    assert.equal(printed[0]!.attributes['process.pid'], 4100);
  });
});
