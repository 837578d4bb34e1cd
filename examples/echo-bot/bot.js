// Answers every text with the same text, over one socket. After a cut, or a restart, it goes on where it stopped: the
// server keeps the events, the bot keeps the offset of the last one it has dealt with.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';

const url = process.env.WAYSTATION_URL ?? 'ws://127.0.0.1:8480/v1/ws';
const token = process.env.WAYSTATION_TOKEN;
const stateFile = process.env.STATE_FILE ?? 'echo-bot.json';
const resume = existsSync(stateFile) ? JSON.parse(readFileSync(stateFile)) : {}; // session -> {epoch, offset}

function connect() {
  const ws = new WebSocket(url, 'waystation.v1', { headers: { Authorization: `Bearer ${token}` } });
  const waiting = new Map();
  let lastId = 0;
  let turn = Promise.resolve(); // events are dealt with one after the other

  const call = (method, params) => new Promise((resolve, reject) => {
    waiting.set(++lastId, { resolve, reject });
    ws.send(JSON.stringify({ jsonrpc: '2.0', id: lastId, method, params }));
  });

  async function reply({ id, session, data }) {
    // An id made from the event's makes a repeated reply the same message, which the phone shows once.
    const message_id = '3EB0' + createHash('sha256').update(id).digest('hex').slice(0, 18).toUpperCase();
    while (ws.readyState === WebSocket.OPEN) {
      try {
        return await call('message.sendText', { session, to: data.chat, text: data.text, message_id });
      } catch (error) {
        if (!error.data?.retryable) return console.error(`not answered: ${error.message}`);
        await sleep(error.data.retry_after_ms ?? 1000);
      }
    }
  }

  async function handle(event) {
    const { type, session, offset, data } = event;
    if (type === 'Message' && data.type === 'text' && data.text && !data.from_me && !data.is_status) await reply(event);
    if (ws.readyState !== WebSocket.OPEN) return; // not known to be answered: the event will come again
    resume[session].offset = offset;
    writeFileSync(`${stateFile}.new`, JSON.stringify(resume));
    renameSync(`${stateFile}.new`, stateFile);
    await call('events.ack', { session, offset }); // lets the server send more
  }

  async function greet() {
    const hello = await call('conn.hello', {
      protocol: 1, client: { name: 'echo-bot', version: '1.0.0' }, resume, ack: 'manual', filters: [{ sessions: ['*'], types: ['Message'] }],
    });
    for (const s of hello.sessions) {
      if (s.gap) console.error(`events ${s.gap.from} to ${s.gap.to} of ${s.session} are lost: ${s.gap.reason}`);
      if (!s.resumed) resume[s.session] = { epoch: s.epoch, offset: s.replay ? s.replay.from - 1 : s.head };
    }
    console.log(`connected, ${hello.sessions.map((s) => `${s.session} at ${resume[s.session].offset}`).join(', ')}`);
  }

  ws.on('open', () => greet().catch((problem) => {
    console.error(problem.message);
    ws.close();
  }));
  ws.on('message', (frame) => {
    const { id, method, params, result, error } = JSON.parse(frame);
    if (method === 'event') turn = turn.then(() => handle(params)).catch((problem) => console.error(problem.message));
    if (!waiting.has(id)) return;
    if (error) waiting.get(id).reject(Object.assign(new Error(error.message), error));
    else waiting.get(id).resolve(result);
    waiting.delete(id);
  });
  ws.on('error', (problem) => {
    console.error(problem.message);
    if (/ 40[13]$/.test(problem.message)) process.exit(1); // the token is not good
  });
  ws.on('close', (code) => {
    for (const { reject } of waiting.values()) reject(new Error('the connection ended'));
    if (code >= 4500) process.exit(1); // the server says: do not come back like this
    setTimeout(connect, 1000 + Math.random() * 1000);
  });
}

connect();
