import { describe, expect, it } from 'vitest';
import { parts } from './links';

describe('a text', () => {
  it('is cut into addresses and what is between', () => {
    expect(parts('Open http://a.example/verify?token=x-_1.\n\nOr (https://b.example).')).toEqual([
      { text: 'Open ', link: false },
      { text: 'http://a.example/verify?token=x-_1', link: true },
      { text: '.\n\nOr (', link: false },
      { text: 'https://b.example', link: true },
      { text: ').', link: false },
    ]);
  });

  it('without addresses stays whole, and what only looks like one is none', () => {
    expect(parts('javascript:alert(1) and ftp://x')).toEqual([
      { text: 'javascript:alert(1) and ftp://x', link: false },
    ]);
    expect(parts('')).toEqual([]);
  });
});
