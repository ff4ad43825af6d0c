import { vi } from 'vitest';

interface Sent {
  route: string;
  body: unknown;
  authorization: string | null;
}

interface Reply {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Stands for the gateway: answers `METHOD /path` as the table says, and remembers what was sent. */
export function serve(routes: Record<string, (sent: Sent) => Reply | Promise<Reply>>) {
  const sent: Sent[] = [];
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const address = input instanceof Request ? input.url : String(input);
    const request = input instanceof Request ? input : new Request(new URL(address, location.origin), init);
    const text = await request.text();
    const one: Sent = {
      route: `${request.method} ${new URL(request.url).pathname}`,
      body: text === '' ? undefined : JSON.parse(text),
      authorization: request.headers.get('authorization'),
    };
    sent.push(one);
    const answer = routes[one.route];
    if (!answer) throw new TypeError(`nothing answers ${one.route}`);
    const { status = 200, body, headers } = await answer(one);
    return new Response(body === undefined ? null : JSON.stringify(body), {
      status,
      headers: { 'content-type': 'application/json', ...headers },
    });
  });
  return { sent, count: (route: string) => sent.filter((one) => one.route === route).length };
}
