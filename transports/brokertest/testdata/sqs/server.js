// An SQS server in memory on loopback. Usage: node server.js PORT
import { createSqsServer } from "local-aws-sqs";

const server = await createSqsServer({ port: Number(process.argv[2]), hostname: "127.0.0.1", emulateQueueCreationLifecycle: false });
if (!server.listening) await new Promise((done) => server.once("listening", done));
console.log("listening");
