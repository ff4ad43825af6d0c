import { expect, type Locator } from '@playwright/test';

export interface Sight {
  time: number;
  height: number;
  /** The brightest point, from 0 to 765. */
  brightest: number;
  /** Each point's brightness. */
  picture: number[];
}

/** What a film shows at this moment, read back from a canvas. */
export function look(video: Locator): Promise<Sight> {
  return video.evaluate((element: HTMLVideoElement) => {
    const [width, height] = [64, 36];
    const canvas = new OffscreenCanvas(width, height).getContext('2d');
    if (!canvas) throw new Error('no canvas');
    canvas.drawImage(element, 0, 0, width, height);
    const { data } = canvas.getImageData(0, 0, width, height);
    const point = (index: number) => (data[index * 4] ?? 0) + (data[index * 4 + 1] ?? 0) + (data[index * 4 + 2] ?? 0);
    const picture = Array.from({ length: width * height }, (_, index) => point(index));
    return { time: element.currentTime, height: element.videoHeight, brightest: Math.max(...picture), picture };
  });
}

/** The film goes on, is not black, and moves. It must have been started. */
export async function expectToPlay(video: Locator) {
  await expect.poll(async () => (await look(video)).time, 'it plays').toBeGreaterThan(0.3);
  const first = await look(video);
  expect(first.brightest, 'it is not black').toBeGreaterThan(200);
  await expect.poll(async () => (await look(video)).time, 'it goes on').toBeGreaterThan(first.time + 0.5);
  const second = await look(video);
  const changed = second.picture.filter((point, index) => Math.abs(point - (first.picture[index] ?? 0)) > 60).length;
  expect(changed, 'it moves').toBeGreaterThan(20);
  const sound = await video.evaluate((element) => Reflect.get(element, 'webkitAudioDecodedByteCount') as number);
  expect(sound, 'it has sound').toBeGreaterThan(0);
}
