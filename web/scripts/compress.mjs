// Writes each text file of dist/assets compressed beside itself: the gateway sends it as it is to browsers that take it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const assets = new URL('../dist/assets/', import.meta.url);
/** Below this a packet is a packet. */
const WORTHWHILE = 1_400;

for (const name of readdirSync(assets).filter((file) => /\.(js|css|svg)$/.test(file))) {
  const content = readFileSync(new URL(name, assets));
  if (content.length < WORTHWHILE) continue;
  const size = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  writeFileSync(new URL(`${name}.br`, assets), brotliCompressSync(content, { params: size }));
  writeFileSync(new URL(`${name}.gz`, assets), gzipSync(content, { level: 9 }));
}
