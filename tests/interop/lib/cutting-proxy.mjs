// A connection that breaks: passes bytes on to the system, and cuts the first connections in mid-flight, each after a
// number of bytes from the client. What it has passed on until then, the system has.
import { connect, createServer } from 'node:net';

/** Listens on a free port; `cuts` lists after how many bytes the first connections that get that far break. */
export async function cuttingProxy(target, cuts) {
  const { hostname, port } = new URL(target);
  const left = [...cuts];
  const broken = [];
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let passed = 0;
    client.on('data', (bytes) => {
      passed += bytes.length;
      if (left.length > 0 && passed >= left[0]) {
        broken.push(left.shift());
        client.destroy();
        upstream.end();
      } else if (!upstream.write(bytes)) {
        client.pause();
      }
    });
    upstream.on('drain', () => client.resume());
    upstream.pipe(client);
    client.on('end', () => upstream.end());
    for (const socket of [client, upstream]) {
      socket.on('error', () => {});
      socket.on('close', () => (client.destroy(), upstream.destroySoon()));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** How many connections it has broken. */
    broken: () => broken.length,
    close: () => server.close(),
  };
}

// As a program: node cutting-proxy.mjs TARGET BYTES... prints its address and goes on until its input ends.
if (import.meta.filename === process.argv[1]) {
  const [target, ...cuts] = process.argv.slice(2);
  const proxy = await cuttingProxy(target, cuts.map(Number));
  console.log(proxy.url);
  process.stdin.on('end', () => {
    console.error(`broke ${proxy.broken()} connections`);
    process.exit(proxy.broken() === cuts.length ? 0 : 1);
  });
  process.stdin.resume();
}
