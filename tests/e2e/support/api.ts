// The owner by plain HTTP, for what a journey needs and is not about.
import { readFile } from 'node:fs/promises';
import { type APIRequestContext, expect } from '@playwright/test';
import { file } from './places.ts';
import { owner } from './test.ts';

export interface Content {
  id: string;
  title: string;
  version: number;
}

export class Owner {
  #request: APIRequestContext;
  #headers: Record<string, string>;

  private constructor(request: APIRequestContext, token: string) {
    this.#request = request;
    this.#headers = { Authorization: `Bearer ${token}` };
  }

  static async signIn(request: APIRequestContext): Promise<Owner> {
    const { email, password } = owner;
    const reply = await request.post('/api/auth/login', { data: { email, password, refresh_token: 'body' } });
    expect(reply.status()).toBe(200);
    return new Owner(request, (await reply.json()).access_token);
  }

  /** A film that plays, made from the short file. */
  async film(title: string): Promise<Content> {
    const bytes = await readFile(file('short.mp4'));
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const created = await this.#request.post('/api/dsp/upload/files', {
      headers: {
        ...this.#headers,
        'Tus-Resumable': '1.0.0',
        'Upload-Length': String(bytes.length),
        'Upload-Metadata': `filename ${base64('short.mp4')},title ${base64(title)}`,
      },
    });
    const location = created.headers().location ?? '';
    const sent = await this.#request.patch(location, {
      headers: {
        ...this.#headers,
        'Tus-Resumable': '1.0.0',
        'Upload-Offset': '0',
        'Content-Type': 'application/offset+octet-stream',
      },
      data: bytes,
    });
    expect(sent.status()).toBe(204);
    const id = await this.#contentOf(location.split('/').at(-1) ?? '');
    await expect
      .poll(async () => (await this.#get(`/api/content/${id}`)).media.state, { message: 'it can be played', timeout: 60_000 })
      .toBe('ready');
    return this.#get(`/api/content/${id}`);
  }

  /** The newest mails of the development mailbox. */
  async mails(): Promise<{ to: string; text: string }[]> {
    return (await this.#get('/api/users/mailbox')).items;
  }

  async change(content: Content, change: object): Promise<Content> {
    const headers = { ...this.#headers, 'If-Match': `"${content.version}"` };
    const reply = await this.#request.patch(`/api/content/${content.id}`, { headers, data: change });
    expect(reply.status()).toBe(200);
    return reply.json();
  }

  async publish(content: Content): Promise<Content> {
    const changed = await this.change(content, { visibility: 'public' });
    const reply = await this.#request.post(`/api/content/${changed.id}/publish`, { headers: this.#headers });
    expect(reply.status()).toBe(200);
    return reply.json();
  }

  async #contentOf(upload: string): Promise<string> {
    let id: string | null = null;
    await expect
      .poll(async () => {
        id = (await this.#get(`/api/dsp/upload/uploads/${upload}`)).content_id;
        return id;
      }, 'the upload becomes content')
      .not.toBeNull();
    return id ?? '';
  }

  async #get(path: string): Promise<any> {
    const reply = await this.#request.get(path, { headers: this.#headers });
    expect(reply.status()).toBe(200);
    return reply.json();
  }
}
