// An SQS server on loopback. Usage: node server.js PORT LOG
//
// The queues are in memory. What changes them is in the log before it is done and answered, and is done again at a start, so
// that the server has after a crash what it had. Messages that were deleted come again, because receipts end with a process.
import { createRequestHandler } from "local-aws-sqs";
import { appendFileSync, existsSync, readFileSync, truncateSync } from "node:fs";
import { createServer } from "node:http";
import { Readable } from "node:stream";

const [port, log] = [Number(process.argv[2]), process.argv[3]];
const { requestHandler } = createRequestHandler({ port, hostname: "127.0.0.1", emulateQueueCreationLifecycle: false });
const changes = /\.(CreateQueue|DeleteQueue|SetQueueAttributes|SendMessage|SendMessageBatch)$/;

const handle = (headers, body, response) => requestHandler(Object.assign(Readable.from([body]), { headers }), response);

if (existsSync(log)) {
  const text = readFileSync(log);
  const whole = text.lastIndexOf("\n") + 1; // what comes after it was being written, and nobody had an answer
  truncateSync(log, whole);
  for (const line of text.subarray(0, whole).toString().split("\n").slice(0, -1)) {
    const { headers, body } = JSON.parse(line);
    await handle(headers, Buffer.from(body), { setHeader() {}, end() {} });
  }
}

const server = createServer(async (request, response) => {
  const chunks = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return; // cut in the middle
  }
  const { headers } = request;
  const body = Buffer.concat(chunks);
  if (changes.test(headers["x-amz-target"])) {
    const kept = { "content-type": headers["content-type"], "x-amz-target": headers["x-amz-target"] };
    appendFileSync(log, JSON.stringify({ headers: kept, body: body.toString() }) + "\n");
  }
  await handle(headers, body, response);
});
server.keepAliveTimeout = 0; // connections stay: one that is closed while it is used is an error to who cannot ask again
server.listen(port, "127.0.0.1", () => console.log("listening"));
