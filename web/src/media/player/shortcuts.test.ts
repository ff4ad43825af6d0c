import { expect, test } from 'vitest';
import { apply, shortcutOf } from './shortcuts';

function key(name: string, ctrlKey = false) {
  return { key: name, ctrlKey, metaKey: false, altKey: false };
}

function film(currentTime: number): HTMLVideoElement {
  return { currentTime, duration: 60, muted: false } as HTMLVideoElement;
}

test('keys do what video sites have taught people', () => {
  expect(shortcutOf(key('k'))).toEqual({ kind: 'toggle-play' });
  expect(shortcutOf(key('K'))).toEqual({ kind: 'toggle-play' });
  expect(shortcutOf(key('5'))).toEqual({ kind: 'seek-to', share: 0.5 });
  expect(shortcutOf(key('q'))).toBeNull();
});

test('shortcuts of the browser stay its own', () => {
  expect(shortcutOf(key('f', true))).toBeNull();
  expect(shortcutOf(key(' '))).toBeNull();
});

test('seeking stays within the film', () => {
  const video = film(57);
  apply({ kind: 'seek-by', seconds: 10 }, video);
  expect(video.currentTime).toBe(60);
  apply({ kind: 'seek-to', share: 0.25 }, video);
  expect(video.currentTime).toBe(15);
  apply({ kind: 'seek-by', seconds: -30 }, video);
  expect(video.currentTime).toBe(0);
});

test('a film whose length is not known yet is not moved', () => {
  const video = { ...film(3), duration: Number.NaN } as HTMLVideoElement;
  apply({ kind: 'seek-to', share: 1 }, video);
  expect(video.currentTime).toBe(3);
});
