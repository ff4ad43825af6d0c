// Compares an archive with what its manifest says must be in it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const folder = process.argv[2];
const sum = (bytes) => createHash('sha256').update(bytes).digest('hex');
const manifest = JSON.parse(readFileSync(`${folder}/nexus.json`, 'utf8'));

let compared = 0;
function same(what, found, expected) {
  compared += 1;
  if (found !== expected) throw new Error(`${what}: ${found} and not ${expected}`);
}

for (const [service, { tables }] of Object.entries(manifest.services)) {
  for (const [table, { rows, sha256 }] of Object.entries(tables)) {
    // The first line describes the table, the last its rows.
    const lines = readFileSync(`${folder}/data/${service}/${table}.jsonl`, 'utf8').split('\n').slice(1, -2);
    same(`the rows of ${table} of ${service}`, lines.length, rows);
    same(`the checksum of ${table} of ${service}`, sum(lines.map((line) => `${line}\n`).join('')), sha256);
  }
}
for (const kind of ['blobs', 'files']) {
  for (const [path, { sha256 }] of Object.entries(manifest[kind])) {
    same(`the checksum of ${path}`, sum(readFileSync(`${folder}/${kind}/${path}`)), sha256);
  }
}
if (compared < 20) throw new Error(`only ${compared} things were compared`);
console.log(`${compared} things were compared`);
