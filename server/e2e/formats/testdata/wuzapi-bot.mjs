// A small bot as users of wuzapi write them: it receives webhooks as forms and answers every text through
// POST /chat/send/text. Arguments: address of the API, token of the session. Prints its own address on stdout.
import { createServer } from 'node:http';

const [api, token] = process.argv.slice(2);

async function answer(message) {
  const text = message.Message.conversation ?? message.Message.extendedTextMessage?.text;
  if (!text) return;
  const response = await fetch(api + '/chat/send/text', {
    method: 'POST',
    headers: { Token: token, 'Content-Type': 'application/json' },
    body: JSON.stringify({ Phone: message.Info.Chat.split('@')[0], Body: 'You said: ' + text }),
  });
  const reply = await response.json();
  if (!reply.success) console.error('not sent', response.status, reply);
}

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (part) => (body += part));
  request.on('end', async () => {
    response.end('ok');
    const event = JSON.parse(new URLSearchParams(body).get('jsonData'));
    if (event.type === 'Message') await answer(event.event);
  });
});
server.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port));
