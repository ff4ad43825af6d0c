// Before all journeys: films are made, and the system starts on an empty data folder and a free port; or it runs already, where
// E2E_URL says, with the owner's account.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type FileName, file, output, program } from './places.ts';

export default async function start() {
  makeFiles();
  if (process.env.E2E_URL) return;
  if (!existsSync(program)) throw new Error(`${program} is missing: run the journeys by \`make test\``);
  const data = mkdtempSync(join(tmpdir(), 'nexus-e2e-'));
  const port = await freePort();
  const system = spawn(program, ['up', '--data', data, '--listen', `127.0.0.1:${port}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Many people sign in here from one address.
    env: { ...process.env, NEXUS_GATEWAY__SIGN_IN_PER_MINUTE: '1000' },
  });
  try {
    process.env.E2E_SETUP_LINK = await setUpLink(system);
  } catch (error) {
    await stop(system, data);
    throw error;
  }
  process.env.E2E_URL = `http://127.0.0.1:${port}`;
  return () => stop(system, data);
}

/** Real films with sound, and what only claims to be one. */
function makeFiles() {
  mkdirSync(output('files'), { recursive: true });
  mkdirSync(output('screenshots'), { recursive: true });
  // Noise does not compress: large enough for several chunks.
  const grainy = `${sunset('854x480', 6)},format=yuv420p,noise=c0s=24:c0f=t`;
  film('film.mp4', grainy, 6, '-crf 12 -maxrate 32M -bufsize 32M');
  film('short.mp4', sunset('426x240', 2), 2, '-crf 23');
  copyFileSync(file('film.mp4'), file('reloaded.mp4'));
  copyFileSync(file('film.mp4'), file('cancelled.mp4'));
  const whole = readFileSync(file('film.mp4'));
  writeFileSync(file('truncated.mp4'), whole.subarray(0, whole.length / 3));
  writeFileSync(file('letter.mp4'), 'Dear reader, this is no film, whatever my name says.\n'.repeat(2_000));
  writeFileSync(file('nothing.mp4'), '');
}

/** A sky that turns. */
const sunset = (size: string, seconds: number) =>
  `gradients=size=${size}:rate=25:duration=${seconds}:n=3:c0=0x0b1d3a:c1=0x1f6f8b:c2=0xf2a65a:seed=5:speed=0.04`;

function film(name: FileName, picture: string, seconds: number, rate: string) {
  const sound = `sine=frequency=440:beep_factor=4:duration=${seconds}`;
  const encoding = `-c:v libx264 -preset ultrafast ${rate} -pix_fmt yuv420p -c:a aac -shortest -movflags +faststart`;
  const inputs = ['-f', 'lavfi', '-i', picture, '-f', 'lavfi', '-i', sound];
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...inputs, ...encoding.split(' '), file(name)]);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}

/** Waits for the line with the link; what the system says goes to a file, which is named when it ends too early. */
function setUpLink(system: ChildProcess): Promise<string> {
  const log = createWriteStream(output('system.log'));
  const said = { stdout: system.stdout, stderr: system.stderr };
  if (!said.stdout || !said.stderr) throw new Error('the system has no output');
  said.stderr.pipe(log, { end: false });
  said.stdout.pipe(log, { end: false });
  const lines = createInterface({ input: said.stdout });
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const link = /https?:\S+\/setup\?token=\S+/.exec(line);
      if (link) resolve(link[0]);
    });
    system.once('error', reject);
    system.once('exit', (code) => reject(new Error(`the system ended with ${code}; see ${output('system.log')}`)));
    setTimeout(() => reject(new Error(`no set-up link within 60 s; see ${output('system.log')}`)), 60_000).unref();
  });
}

async function stop(system: ChildProcess, data: string) {
  if (system.exitCode === null && system.signalCode === null) {
    const ended = once(system, 'exit');
    system.kill('SIGTERM');
    await ended;
  }
  rmSync(data, { recursive: true, force: true });
}
