// Runs, or at least reads, every command of docs/operations.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kind, render } from '../../../deploy/check/objects.mjs';
import { run, Skip } from '../../interop/lib/cases.mjs';

const root = new URL('../../../', import.meta.url).pathname;
const folder = join(root, 'docs/operations');
const { NEXUS_BIN: nexus, NEXUS_WORK: work } = process.env;
const pages = readdirSync(folder).filter((file) => file.endsWith('.md')).sort();
const text = (page) => readFileSync(join(folder, page), 'utf8');

/** The shell blocks of a page: what they are for, and their lines without the indent of a list. */
function blocks(page) {
  return [...text(page).matchAll(/^( *)```sh([^\n]*)\n([\s\S]*?)^ *```$/gm)].map(([, indent, purpose, body]) => ({
    purpose: purpose.trim(),
    body: body.split('\n').map((line) => line.replace(new RegExp(`^${indent}`), '')).join('\n'),
  }));
}

const shell = (args, options = {}) => spawnSync('bash', args, { encoding: 'utf8', cwd: work, ...options });

/** The commands of a block: what stands before and after pipes, without comments, variables and redirections. */
function commands(body) {
  return body
    .replace(/\\\n/g, ' ')
    .split('\n')
    .flatMap((line) => line.replace(/^#.*/, '').split(/\s(?:\||&&|;)\s/))
    .map((command) => command.trim().split(/\s+(?=(?:[^']*'[^']*')*[^']*$)/))
    .map((words) => words.filter((word) => !/^[<>]/.test(word)))
    .filter((words) => words[0]);
}

const helps = new Map();
function helpOf(words) {
  const key = words.join(' ');
  if (!helps.has(key)) {
    const { status, stdout } = spawnSync('kubectl', [...words, '--help'], { encoding: 'utf8' });
    helps.set(key, status === 0 && stdout.includes('kubectl') ? stdout : '');
  }
  return helps.get(key);
}

/** Subcommands of kubectl that stand before what is theirs. */
const TWO_WORDS = ['rollout', 'top', 'set', 'create'];
/** Plugins, which operators bring and which are not here. */
const PLUGINS = ['cnpg', 'cert-manager'];
const general = () => spawnSync('kubectl', ['options'], { encoding: 'utf8' }).stdout;

function checkKubectl(words) {
  const context = words.indexOf('--context');
  const rest = words.slice(1).filter((_, place) => context < 0 || (place !== context - 1 && place !== context));
  if (PLUGINS.includes(rest[0])) return;
  const verb = TWO_WORDS.includes(rest[0]) ? rest.slice(0, 2) : rest.slice(0, 1);
  const help = helpOf(verb);
  assert.ok(help, `kubectl has no ${verb.join(' ')}`);
  for (const flag of rest.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0])) {
    assert.ok(`${help}${general()}`.includes(`${flag}=`) || `${help}${general()}`.includes(`${flag} `), `kubectl ${verb.join(' ')} has no ${flag}`);
  }
  const objects = ['staging', 'eu'].flatMap((place) => render(place));
  for (const [, type, name] of rest.map((word) => /^(deployment|statefulset|job|cluster)\/([\w-]+)$/.exec(word)).filter(Boolean)) {
    const found = kind(objects, { deployment: 'Deployment', statefulset: 'StatefulSet', job: 'Job', cluster: 'Cluster' }[type]);
    assert.ok(found.some((object) => object.metadata.name === name), `there is no ${type} ${name}`);
  }
  const place = rest[rest.indexOf('--kustomize') + 1];
  if (rest.includes('--kustomize') && place !== '.') assert.ok(existsSync(join(root, place)), place);
}

function checkNexus(words) {
  const { status, stderr } = spawnSync(nexus, [...words.slice(1).map((word) => word.replace(/^['"]|['"]$/g, '')), '--help'], { encoding: 'utf8' });
  assert.equal(status, 0, `${words.join(' ')}\n${stderr}`);
}

function checkBlock({ body }) {
  assert.equal(shell(['-n'], { input: body }).status, 0, body);
  for (const words of commands(body)) {
    if (words[0] === 'nexus') checkNexus(words);
    if (words[0] === 'kubectl') checkKubectl(words);
    for (const path of words.map((word) => /^(?:\.\/)?(deploy\/[\w./-]+)$/.exec(word)?.[1]).filter(Boolean)) {
      assert.ok(existsSync(join(root, path)), `${path} does not exist`);
    }
  }
}

/**
 * Runs a page's blocks in a machine of their own: new folders, no network but itself, so that port 3000 is free. What goes
 * on (`nexus up`) goes on beside the rest, and ends when the page begins it anew elsewhere.
 */
function runPage(page) {
  const mine = join(work, page.replace('.md', ''));
  mkdirSync(mine);
  copyFileSync(nexus, join(mine, 'nexus'));
  const script = blocks(page)
    .filter(({ purpose }) => purpose === 'run')
    .map(({ body }) => body.replace(/^nexus up(.*)$/gm, 'begin$1'))
    .join('\n');
  const begin = `
set -euo pipefail
begin() {
  if [ -n "\${running:-}" ]; then kill "$running"; wait "$running" || true; fi
  nexus up "$@" >>/tmp/nexus.log 2>&1 &
  local place=()
  for word in "$@"; do [ "$word" = --isolate ] || place+=("$word"); done
  running=$!
  for _ in $(seq 300); do
    nexus probe --live "\${place[@]}" 2>/dev/null && return
    kill -0 "$running" || { cat /tmp/nexus.log; return 1; }
    sleep 0.1
  done
  cat /tmp/nexus.log
  return 1
}
trap 'test -z "\${running:-}" || kill "$running"' EXIT
# A machine on which the system has been.
begin --data /srv/nexus
kill "$running"
wait "$running" || true
running=
`;
  writeFileSync(join(mine, 'script'), `${begin}${script}\n`);
  const world = ['--unshare-user', '--unshare-net', '--unshare-pid', '--die-with-parent', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc',
    '--tmpfs', '/tmp', '--tmpfs', '/srv', '--tmpfs', '/mnt', '--tmpfs', '/usr/local', '--dir', '/usr/local/bin', '--dir', '/tmp/here',
    '--ro-bind', join(mine, 'nexus'), '/usr/local/bin/nexus', '--ro-bind', join(mine, 'script'), '/tmp/script', '--chdir', '/tmp/here',
    '--clearenv', '--setenv', 'PATH', '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', '--setenv', 'HOME', '/tmp'];
  const { status, stdout, stderr } = spawnSync('bwrap', [...world, 'bash', '/tmp/script'], { encoding: 'utf8', timeout: 120_000 });
  if (/No permissions|Operation not permitted|Creating new namespace failed/.test(stderr)) throw new Skip('this kernel lets nobody make a world of its own');
  assert.equal(status, 0, `${stdout}\n${stderr}`);
}

const links = (page) => [...text(page).matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)].map((match) => match[1]).filter((link) => !link.includes('://'));

await run('docs', {
  ...Object.fromEntries(pages.filter((page) => blocks(page).length > 0).map((page) => [`${page}: the shell, nexus and kubectl understand every command`, () => blocks(page).forEach(checkBlock)])),
  ...Object.fromEntries(pages.filter((page) => blocks(page).some(({ purpose }) => purpose === 'run')).map((page) => [`${page}: what can be run here is run`, () => runPage(page)])),
  'a command that does not exist is found by that': () => {
    for (const body of ['nexus upp', 'nexus up --dta x', 'kubectl gett pods', 'kubectl get pods --naamespace x', 'kubectl rollout status deployment/nobody', 'if true']) {
      assert.throws(() => checkBlock({ body }), undefined, body);
    }
  },
  'every link leads to a page': () => {
    for (const page of pages) for (const link of links(page)) assert.ok(existsSync(join(folder, link)), `${page}: ${link}`);
  },
  'every setting of the program is on the page of settings, and no other': () => {
    const printed = spawnSync(nexus, ['config'], { encoding: 'utf8', cwd: work, env: { PATH: process.env.PATH } }).stdout;
    const known = printed.trim().split('\n').map((line) => line.split(/\s/)[0]);
    const rows = text('configuration.md').split('\n').filter((line) => line.startsWith('| `'));
    const told = rows.flatMap((row) => [...row.split('|')[1].matchAll(/`([^`]+)`/g)].map((match) => match[1]));
    assert.deepEqual(told.filter((key) => !/^(scale|mesh\.plain)\./.test(key)).sort(), known.sort());
  },
});
