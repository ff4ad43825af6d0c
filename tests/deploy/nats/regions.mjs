// Two regions' servers as a program meets them, in NATS's own protocol.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { run } from '../../interop/lib/cases.mjs';

const { NATS_EU, NATS_US, NATS_EU_PIDS, NATS_PASSWORD } = process.env;

async function eventually(what, ask) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within a minute`);
    await pause(100);
  }
}

/** A connection: what it was told is in `heard`. */
async function client(port) {
  const socket = await eventually('a server answers', () => new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => resolve(socket));
    socket.on('error', () => resolve(undefined));
  }));
  const self = { heard: '', say: (line) => socket.write(`${line}\r\n`), end: () => socket.end() };
  socket.on('data', (bytes) => {
    self.heard += bytes;
    if (/PING\r\n/.test(bytes)) self.say('PONG');
  });
  self.say(`CONNECT ${JSON.stringify({ verbose: false, user: 'nexus', pass: NATS_PASSWORD })}`);
  self.publish = (subject, text, reply = '') => self.say(`PUB ${subject} ${reply} ${Buffer.byteLength(text)}\r\n${text}`);
  return self;
}

/** Makes a stream and says in which region its leader is. */
async function makeStream(port, name) {
  const caller = await client(port);
  caller.say('SUB answers 1');
  const wanted = JSON.stringify({ name, subjects: [`${name}.>`] });
  const answer = await eventually('the stream is made', async () => {
    caller.publish(`$JS.API.STREAM.CREATE.${name}`, wanted, 'answers');
    await pause(500);
    return /"cluster":\{"name":"(\w+)"/.exec(caller.heard)?.[1];
  });
  caller.end();
  return answer;
}

async function crosses(from, to) {
  const [speaker, listener] = [await client(from), await client(to)];
  listener.say('SUB nexus.events.> 1');
  await eventually('a hint crosses', async () => {
    speaker.publish('nexus.events.user-auth', 'hint');
    await pause(100);
    return listener.heard.includes('hint');
  });
  speaker.end();
  listener.end();
}

await run('nats', {
  'a hint crosses from one region to the other, both ways': async () => {
    await crosses(NATS_EU, NATS_US);
    await crosses(NATS_US, NATS_EU);
  },
  'each region keeps streams of its own': async () => {
    assert.equal(await makeStream(NATS_EU, 'first'), 'eu');
    assert.equal(await makeStream(NATS_US, 'second'), 'us');
  },
  'a region that has lost the other goes on': async () => {
    for (const pid of NATS_EU_PIDS.split(' ')) process.kill(Number(pid), 'SIGKILL');
    assert.equal(await makeStream(NATS_US, 'third'), 'us');
    await crosses(NATS_US, NATS_US);
  },
});
process.exit();
