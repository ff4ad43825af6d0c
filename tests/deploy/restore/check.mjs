// What must be true of a restored system:
//   node check.mjs acknowledged FILE LINES   the first LINES of what was acknowledged are there (asked at NEXUS_URL)
//   node check.mjs moment EXPORT             no service had applied what its publisher had not published
//   node check.mjs settled EXPORT RESTORED   every event of RESTORED was applied by now, and none was given up
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { call, signIn, url } from '../../interop/lib/nexus.mjs';

const [, , what, ...given] = process.argv;
const manifest = (folder) => JSON.parse(readFileSync(`${folder}/nexus.json`, 'utf8')).services;

/** Every subscriber's position in each publisher's log. */
const cursors = (services) =>
  Object.entries(services).flatMap(([name, { cursors }]) => Object.entries(cursors).map(([source, position]) => ({ name, source, position })));

const checks = {
  async acknowledged(file, lines) {
    const token = await signIn();
    const noted = readFileSync(file, 'utf8').split('\n').slice(0, Number(lines)).map((line) => line.split('\t'));
    const offsets = new Map(noted.filter(([kind]) => kind === 'upload').map(([, path, offset]) => [path, Number(offset)]));
    const contents = noted.filter(([kind]) => kind === 'content');
    assert.ok(contents.length > 20 && offsets.size > 0, 'much was written');
    for (const [, id, title] of contents) assert.equal((await call(`/api/content/${id}`, { token })).title, title);
    for (const [path, offset] of offsets) {
      const headers = { Authorization: `Bearer ${token}`, 'Tus-Resumable': '1.0.0' };
      const reply = await fetch(new URL(path, url), { method: 'HEAD', headers });
      assert.ok(Number(reply.headers.get('upload-offset')) >= offset, `${path} was acknowledged up to ${offset}`);
    }
    console.log(`${contents.length} items and ${offsets.size} uploads are there`);
  },

  moment(folder) {
    const services = manifest(folder);
    const all = cursors(services);
    assert.ok(all.length > 3);
    for (const { name, source, position } of all) assert.ok(position <= services[source].head, `${name} is at ${position} of ${source}`);
  },

  settled(folder, restored) {
    const [now, before] = [manifest(folder), manifest(restored)];
    for (const { name, source, position } of cursors(now)) assert.ok(position >= before[source].head, `${name} is at ${position} of ${source}`);
    for (const [name, { tables }] of Object.entries(now)) assert.equal(tables._parked?.rows ?? 0, 0, `${name} gave up events`);
  },
};

await checks[what](...given);
