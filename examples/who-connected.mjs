#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Who connected where? Reads what the Collector's file exporter wrote (otel-collector.yaml) and counts.
//
//   node examples/who-connected.mjs agentsmith-events.jsonl
import { readFileSync } from 'node:fs';

const counts = new Map();
for (const line of readFileSync(process.argv[2] ?? 'agentsmith-events.jsonl', 'utf8').split('\n').filter(Boolean)) {
  for (const { scopeLogs } of JSON.parse(line).resourceLogs ?? []) {
    for (const record of scopeLogs.flatMap(({ logRecords }) => logRecords)) {
      if (record.eventName !== 'agentsmith.network.connect') continue;
      const attributes = Object.fromEntries(record.attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
      const { 'process.executable.path': program, 'network.peer.address': address, 'network.peer.port': port } = attributes;
      const outcome = attributes['error.type'] ?? 'ok';
      const row = `${program} ${address}:${port} ${outcome}`;
      counts.set(row, (counts.get(row) ?? 0) + 1);
    }
  }
}
for (const [row, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`${count}\t${row}`);
