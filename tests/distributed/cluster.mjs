// Two instances of every service, each a process of its own with a data folder of its own.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../interop/lib/nexus.mjs';

const GATEWAY = 'backend-api';
const SERVICES = [GATEWAY, 'user-auth', 'auth-service', 'auth-service-v2', 'session-mgr', 'token-mgr', 'key-service',
  'content-management', 'puabo-dsp-upload-mgr', 'streamcore', 'streaming-service-v2'];

/** A port on which nobody listens. */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A process with what it said; in a group of its own, so that its ffmpeg goes with it at the end. */
class Instance {
  constructor(service, log, program, args, env) {
    this.service = service;
    this.text = '';
    this.child = spawn(program, args, { env: { ...process.env, ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const file = createWriteStream(log);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', (bytes) => {
        this.text += bytes;
        file.write(bytes);
      });
    }
    this.ended = new Promise((resolve) => this.child.on('exit', resolve));
  }

  get pid() {
    return this.child.pid;
  }

  get alive() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  says(text) {
    return eventually(`${this.service} says "${text}"`, () => {
      if (!this.alive) throw new Error(`${this.service} ended:\n${this.text.slice(-2_000)}`);
      return this.text.includes(text);
    });
  }

  /** Ends this process at once, as a machine that loses its power does. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Ends it with everything that it started. */
  async remove() {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // It is gone, with everything that it started.
    }
    await this.ended;
  }
}

/** The running system. */
export class Cluster {
  instances = [];
  gateways = [];

  /** `files` are the settings of the file store. */
  static async start({ work, database, files }) {
    const cluster = new Cluster();
    mkdirSync(work, { recursive: true });
    const nats = await freePort();
    cluster.nats = new Instance('nats-server', join(work, 'nats.log'), 'nats-server',
      ['-a', '127.0.0.1', '-p', String(nats), '-js', '-sd', join(work, 'nats')], {});
    await cluster.nats.says('Server is ready');
    const env = {
      NEXUS_STORE__POSTGRES: database,
      NEXUS_STORE__POOL: '4',
      NEXUS_CACHE__REDIS: process.env.NEXUS_TEST_REDIS,
      NEXUS_BUS__NATS: `nats://127.0.0.1:${nats}`,
      NEXUS_MESH__SECRET: randomBytes(32).toString('hex'),
      NEXUS_MESH__PORTS: 'any',
      // No two processes share a folder, so that a file could not be the master key of both instances.
      NEXUS_KEYS__SEAL: 'passphrase',
      NEXUS_KEYS__PASSPHRASE: randomBytes(32).toString('hex'),
      NEXUS_MEDIA__TRANSCODES: '1',
      NEXUS_GATEWAY__REQUESTS_PER_SECOND: '100000',
      NEXUS_GATEWAY__BURST: '100000',
      NEXUS_GATEWAY__SIGN_IN_PER_MINUTE: '100000',
      ...files,
    };
    // One after the other brings the schema up to date; the second instances come to what is there.
    for (const number of [1, 2]) {
      const starting = [];
      for (const service of SERVICES) {
        const port = await freePort();
        const name = `${service}-${number}`;
        const args = ['run', service, '--data', join(work, name), '--listen', `127.0.0.1:${port}`];
        const instance = new Instance(service, join(work, `${name}.log`), process.env.NEXUS_BIN, args, env);
        cluster.instances.push(instance);
        if (service === GATEWAY) cluster.gateways.push(`http://127.0.0.1:${port}`);
        starting.push(instance.says('Ready for other processes'));
      }
      await Promise.all(starting);
    }
    await cluster.instances[0].says('/setup?token=');
    cluster.setUpToken = /setup\?token=(\S+)/.exec(cluster.instances[0].text)[1];
    return cluster;
  }

  of(service) {
    return this.instances.filter((instance) => instance.service === service && instance.alive);
  }

  /** The one of a service that receives most at the moment, by its sockets' counters. */
  async busiest(service) {
    const before = received();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const after = received();
    const got = (instance) => (after.get(instance.pid) ?? 0) - (before.get(instance.pid) ?? 0);
    return this.of(service).sort((one, other) => got(other) - got(one))[0];
  }

  /** The instance of streamcore that transcodes, if one does. */
  transcoding() {
    const parents = new Set(encoders());
    return this.of('streamcore').find((instance) => parents.has(instance.pid));
  }

  async stop() {
    await Promise.all([...this.instances, this.nats].map((instance) => instance.remove()));
  }
}

/** How many bytes the sockets of each process have received. */
function received() {
  const bytes = new Map();
  const lines = execFileSync('ss', ['-Htinp', 'state', 'established']).toString().split('\n');
  for (let line = 0; line + 1 < lines.length; line += 1) {
    const pid = Number(/pid=(\d+)/.exec(lines[line])?.[1]);
    const count = Number(/bytes_received:(\d+)/.exec(lines[line + 1])?.[1] ?? 0);
    if (pid) bytes.set(pid, (bytes.get(pid) ?? 0) + count);
  }
  return bytes;
}

/** The processes that run ffmpeg to make renditions. */
function encoders() {
  const parents = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('pipe:1')) continue;
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      parents.push(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  return parents;
}
