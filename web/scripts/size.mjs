// Fails when what a first visit loads is too much: the compressed JavaScript that the entry imports, and the biggest page
// that it may load with it. Chunks that a page loads later (the player, the uploader) do not count.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 300_000;
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));

/** The files that a chunk needs before it runs. */
function needed(key, found = new Set()) {
  if (!found.has(key)) {
    found.add(key);
    for (const next of manifest[key].imports ?? []) needed(next, found);
  }
  return found;
}

function weigh(keys) {
  const files = new Set([...keys].map((key) => manifest[key].file).filter((file) => file.endsWith('.js')));
  return [...files].reduce((sum, file) => sum + gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length, 0);
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const base = needed(entry);
const pages = manifest[entry].dynamicImports ?? [];
const weights = pages.map((page) => ({ page, bytes: weigh(needed(page, new Set(base))) }));
weights.sort((left, right) => right.bytes - left.bytes);

const kilobytes = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`;
const worst = weights[0] ?? { page: entry, bytes: weigh(base) };
console.log(
  `compressed JavaScript: entry ${kilobytes(weigh(base))}, with its biggest page ${kilobytes(worst.bytes)} (${worst.page})`,
);
if (worst.bytes > LIMIT) {
  console.error(`more than ${kilobytes(LIMIT)}: load something later, or leave it out`);
  process.exit(1);
}
