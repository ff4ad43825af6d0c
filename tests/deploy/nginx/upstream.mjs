// Something behind nginx that speaks WebSocket and sends events: no service of the system does yet. It prints its port.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const server = createServer((request, reply) => {
  // The stream stays open: its first event must not wait for its end.
  reply.writeHead(200, { 'Content-Type': 'text/event-stream' });
  reply.write('data: first\n\n');
  request.on('close', () => reply.end());
});
new WebSocketServer({ server }).on('connection', (client) => client.on('message', (text) => client.send(String(text))));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
