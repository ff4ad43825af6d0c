import { expect, test } from 'vitest';
import { Rate, secondsLeft } from './rate';

test('the speed is that of the last seconds', () => {
  const rate = new Rate();
  for (let second = 0; second <= 10; second += 1) rate.note(second * 100, second * 1_000);
  for (let second = 11; second <= 20; second += 1) rate.note(1_000 + (second - 10) * 400, second * 1_000);
  expect(rate.perSecond()).toBeCloseTo(400);
});

test('nothing is said before something is known', () => {
  const rate = new Rate();
  expect(rate.perSecond()).toBeNull();
  rate.note(0, 0);
  rate.note(50, 100);
  expect(rate.perSecond()).toBeNull();
});

test('a server that has less than was thought begins the measurement anew', () => {
  const rate = new Rate();
  rate.note(0, 0);
  rate.note(1_000, 1_000);
  rate.note(200, 2_000);
  expect(rate.perSecond()).toBeNull();
  rate.note(300, 3_000);
  expect(rate.perSecond()).toBeCloseTo(100);
});

test('the time left follows from the speed, and is unknown at a standstill', () => {
  expect(secondsLeft(1_000, 400, 100)).toBe(6);
  expect(secondsLeft(1_000, 400, 0)).toBeNull();
  expect(secondsLeft(1_000, 400, null)).toBeNull();
});
