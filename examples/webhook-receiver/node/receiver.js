// Receives the events of a session by webhook, checks that they come from the server, and prints each once.
'use strict';
const { createServer } = require('node:http');
const { createHmac, timingSafeEqual } = require('node:crypto');

const secrets = (process.env.WEBHOOK_SECRETS || '').split(',').filter(Boolean); // two while the key is being changed
const [host, port] = (process.env.LISTEN || '127.0.0.1:9000').split(':');
const maxAge = 5 * 60; // seconds; an older request is a recording
const maxBody = 1 << 20;
const remembered = 10000; // ids; a repeat follows soon after the first, a replay by hand may come later

if (secrets.length === 0) {
  console.error('set WEBHOOK_SECRETS to the secret of the webhook');
  process.exit(1);
}

// signed tells whether one of the signatures was made with one of our keys.
function signed(header, timestamp, body) {
  const given = (header || '').split(',').map((part) => Buffer.from(part.trim()));
  return secrets.some((secret) => {
    const ours = Buffer.from('v1=' + createHmac('sha256', secret).update(timestamp + '.').update(body).digest('hex'));
    return given.some((one) => one.length === ours.length && timingSafeEqual(one, ours));
  });
}

const seen = new Set();

// first tells whether an event is new. A Set keeps the order in which ids came, so the oldest goes first.
function first(id) {
  if (!id) return true; // signals have no id
  if (seen.has(id)) return false;
  seen.add(id);
  if (seen.size > remembered) seen.delete(seen.values().next().value);
  return true;
}

async function read(request) {
  const parts = [];
  let size = 0;
  for await (const part of request.iterator({ destroyOnReturn: false })) { // an answer must still be possible
    if ((size += part.length) > maxBody) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

createServer(async (request, response) => {
  const answer = (status) => response.writeHead(status).end();
  try {
    const body = await read(request);
    if (body === null) return answer(413);
    const timestamp = request.headers['x-waystation-timestamp'] || '';
    if (!signed(request.headers['x-waystation-signature'], timestamp, body)) return answer(401);
    if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= maxAge)) return answer(400);
    const event = JSON.parse(body);
    if (first(event.id)) {
      // Do the work here, or put it where it is safe; only then answer 2xx. Anything else brings the event again.
      console.log(event.session, event.offset ?? '-', event.type, event.data?.text ?? '');
    }
    answer(200);
  } catch (error) {
    console.error(error.message);
    answer(400);
  }
}).listen(Number(port), host, () => console.log(`listening on ${host}:${port}`));
