import { describe, expect, it } from 'vitest';
import { ago, bytes, latency, percent, playTime, rate } from './format';

describe('formats', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [1_536_000, '1.5 MB'],
    [999_600, '1.0 MB'],
    [128_000_000, '128 MB'],
    [5_400_000_000_000, '5.4 TB'],
  ])('%d bytes as %s', (count, text) => expect(bytes(count)).toBe(text));

  it.each([
    [0, '0:00'],
    [9_499, '0:09'],
    [93_500, '1:34'],
    [3_723_000, '1:02:03'],
  ])('%d ms of play as %s', (milliseconds, text) => expect(playTime(milliseconds)).toBe(text));

  it.each([
    [0.35, '0.3 ms'],
    [9.94, '9.9 ms'],
    [61.4, '61 ms'],
    [1_250, '1.3 s'],
  ])('a latency of %d ms as %s', (milliseconds, text) => expect(latency(milliseconds)).toBe(text));

  it.each([
    [0, '0'],
    [0.416, '0.42'],
    [12.54, '12.5'],
    [1_240.4, '1,240'],
  ])('a rate of %d as %s', (perSecond, text) => expect(rate(perSecond)).toBe(text));

  it.each([
    [0, '0 %'],
    [0.424, '42 %'],
    [0.999, '99 %'],
    [1, '100 %'],
  ])('a share of %d as %s', (share, text) => expect(percent(share)).toBe(text));

  it.each([
    ['2026-01-01T11:59:40Z', 'just now'],
    ['2026-01-01T11:59:10Z', '1 minute ago'],
    ['2026-01-01T09:00:00Z', '3 hours ago'],
    ['2025-12-31T11:00:00Z', 'yesterday'],
    ['2026-01-04T12:00:00Z', 'in 3 days'],
    ['2023-01-01T12:00:00Z', '3 years ago'],
  ])('%s, seen at noon of New Year 2026, as %s', (time, text) =>
    expect(ago(time, Date.parse('2026-01-01T12:00:00Z'))).toBe(text),
  );
});
