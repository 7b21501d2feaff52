#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Questions of docs/queries.md, answered while it happens: reads what the Collector sends to Kafka (AGENTSMITH_KAFKA=otlp)
// and prints a line for each record that answers one.
//
//   npm install @platformatic/kafka protobufjs
//   node examples/kafka/questions.mjs localhost:9092 [agentsmith_logs]
import { fileURLToPath } from 'node:url';
import { Consumer, MessagesStreamModes } from '@platformatic/kafka';
import protobuf from 'protobufjs';

const QUESTIONS = {
  'ran without a file': ({ event, a }) =>
    event === 'agentsmith.process.exec' &&
    (a['agentsmith.process.executable.memfd'] || a['agentsmith.process.executable.deleted']),
  'reached into another process': ({ event, severity }) =>
    event === 'agentsmith.process.ptrace' && severity >= 13,
  'put code into the kernel': ({ event }) =>
    event === 'agentsmith.kernel.module.load' || event === 'agentsmith.kernel.bpf.load',
  'gained rights': ({ event, severity }) =>
    event === 'agentsmith.process.credential.change' && severity >= 13,
  'events are missing': ({ event }) => event === 'agentsmith.sensor.gap',
};

const [brokers = 'localhost:9092', topic = 'agentsmith_logs'] = process.argv.slice(2);
const proto = await protobuf.load(fileURLToPath(new URL('otlp-logs.proto', import.meta.url)));
const LogsData = proto.lookupType('otlp.LogsData');

const plain = (value) => value?.arrayValue?.values.map(plain) ?? Object.values(value ?? {})[0];
const attributesOf = (list = []) => Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]));

const consumer = new Consumer({
  clientId: 'agentsmith-questions',
  groupId: 'agentsmith-questions',
  bootstrapBrokers: brokers.split(','),
});
const stream = await consumer.consume({
  topics: [topic],
  mode: MessagesStreamModes.COMMITTED,
  fallbackMode: 'earliest',
  autocommit: true,
});
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, async () => {
    await stream.close();
    await consumer.close();
  });

// A message is one OTLP request of one host; a record may come twice (docs/reliability.md).
for await (const { value } of stream) {
  for (const { resource, scopeLogs } of LogsData.toObject(LogsData.decode(value), { longs: Number }).resourceLogs) {
    const host = attributesOf(resource.attributes)['host.name'];
    for (const record of scopeLogs.flatMap(({ logRecords }) => logRecords)) {
      const { eventName: event, severityNumber: severity, body } = record;
      const a = attributesOf(record.attributes);
      for (const [answer, asks] of Object.entries(QUESTIONS))
        if (asks({ event, severity, a }))
          console.log(JSON.stringify({ answer, host, who: a['process.executable.path'], what: plain(body) }));
    }
  }
}
