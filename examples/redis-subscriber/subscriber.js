// Follows the events of a session in a Redis stream and shows its messages. It remembers how far it came, so that its next
// run goes on there.
import { createClient } from "@redis/client";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const stream = process.env.STREAM ?? "waystation:default";
const stateFile = process.env.STATE_FILE ?? "state.json";

// The entry in the stream, and the offset and id of its event; "0" is the beginning of what the stream has.
const at = existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, "utf8")) : { Entry: "0", Offset: 0, ID: "" };

const client = createClient({ url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379/0" });
client.on("error", (err) => console.error("redis is away:", err.message)); // it connects again by itself
await client.connect();
process.on("SIGINT", () => process.exit());

for (;;) {
  let streams;
  try {
    streams = await client.xRead({ key: stream, id: at.Entry }, { COUNT: 100, BLOCK: 5000 });
  } catch {
    await new Promise((done) => setTimeout(done, 1000));
    continue;
  }
  for (const { id, message } of streams?.[0]?.messages ?? []) {
    const offset = Number(message.offset);
    // Replays are sent because somebody asked for them.
    if (message.replay) handle(message);
    // What has neither a higher offset nor a later id came before: events arrive at least once.
    else if (offset > at.Offset || message.id > at.ID) {
      handle(message);
      at.Offset = offset;
      at.ID = message.id;
    }
    at.Entry = id;
    // After the work: a crash in between repeats the event, it never leaves one out.
    writeFileSync(`${stateFile}.new`, JSON.stringify(at));
    renameSync(`${stateFile}.new`, stateFile);
  }
}

// Does the program's work with an event.
function handle({ session, offset, type, payload }) {
  if (type !== "Message") return;
  const { truncated, data } = JSON.parse(payload);
  // session.getEvent has it, by session and offset.
  if (truncated) console.log(`${session} ${offset} is too large for the stream`);
  else console.log(`${session} ${offset} ${data.sender_name}: ${JSON.stringify(data.text ?? "")}`);
}
