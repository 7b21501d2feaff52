#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// An agent within a program: what this program's own children do, printed; who connects to a TLS port, counted.
//
//   sudo node examples/library.ts [SECONDS]          # Node 24; in a project of your own: npm install agentsmith-otel
import { execFile } from 'node:child_process';
import { createAgent, defineEvent, drop } from 'agentsmith-otel';

const tls = defineEvent('network.connect', {
  name: 'example.tls.connect',
  about: 'A program connected to a TLS port.',
  only: (event, fields) => event.u16(fields.dport) === 443,
  attributes: ({ base }) => ({ 'network.peer.address': base['network.peer.address']! }),
  summary: ['TLS → ', 'network.peer.address'],
});

const agent = createAgent({
  tree: process.pid,
  views: [tls],
  file: process.env.EVENTS_FILE ?? 'agentsmith-events.jsonl',
  processors: [
    {
      onEmit(record) {
        if (record.eventName === 'agentsmith.process.exit') drop(record);
        else record.setAttribute('deployment.environment.name', 'example');
      },
      forceFlush: async () => {},
      shutdown: async () => {},
    },
  ],
});
const records = agent.events();
await agent.start();
agent.emit({ eventName: 'example.started', body: `watching ${process.pid} and its children` });
execFile('/bin/sh', ['-c', 'true one; /bin/true two']);
setTimeout(() => agent.stop(), 1000 * Number(process.argv[2] ?? 1));

for await (const { eventName, body, attributes } of records) {
  console.log(eventName, attributes['process.pid'] ?? '', body ?? '');
}
const { delivered, filtered, lost } = await agent.stop();
console.log(
  `${delivered} delivered, ${filtered} filtered, ${lost.length === 0 ? 'nothing' : JSON.stringify(lost)} lost`,
);
