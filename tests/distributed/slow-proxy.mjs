// A slow connection: passes on what the client sends at a steady pace, and what comes back at once.
import { connect, createServer } from 'node:net';

export async function slowProxy(target, bytesPerSecond) {
  const { hostname, port } = new URL(target);
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    client.on('data', (bytes) => {
      client.pause();
      upstream.write(bytes);
      setTimeout(() => client.resume(), (bytes.length / bytesPerSecond) * 1_000);
    });
    upstream.pipe(client);
    client.on('end', () => upstream.end());
    for (const socket of [client, upstream]) {
      socket.on('error', () => {});
      socket.on('close', () => (client.destroy(), upstream.destroySoon()));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
