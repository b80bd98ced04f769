// Reads a topic of Scrapestream with KafkaJS; prints one JSON object a record.
//
//     npm install kafkajs@2 @kafkajs/confluent-schema-registry@4
//     node consume.mjs 127.0.0.1:9092 http://127.0.0.1:8081 job-events [MAX]

import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const { Kafka, logLevel } = require("kafkajs");
const { SchemaRegistry } = require("@kafkajs/confluent-schema-registry");

const [brokers, host, topic, max] = process.argv.slice(2);
const registry = new SchemaRegistry({ host });
const kafka = new Kafka({ clientId: "example-node", brokers: brokers.split(","), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: "example-node" });
const most = max ? Number(max) : Infinity;
let printed = 0;
let finish;
const finished = new Promise((resolve) => (finish = resolve));

// Counts of 64 bits are BigInts or numbers of their own: as text they stay exact.
const asText = (_, value) => (typeof value === "bigint" ? value.toString() : value);

await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message }) => {
    if (printed >= most) return;
    const value = await registry.decode(message.value);
    const headers = Object.fromEntries(Object.entries(message.headers).map(([name, each]) => [name, each.toString()]));
    const record = { key: message.key.toString(), id: headers.ce_id, type: headers.ce_type, value };
    console.log(JSON.stringify(record, asText));
    printed += 1;
    if (printed >= most) finish();
  },
});
await finished;
await consumer.disconnect();
