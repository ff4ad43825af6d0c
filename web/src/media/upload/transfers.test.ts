import { beforeEach, expect, test, vi } from 'vitest';
import { type Sender, type SenderEvents, Transfers } from './transfers';

interface Opened extends Sender {
  events: SenderEvents;
}

let opened: Opened[] = [];
let now = 0;
let transfers: Transfers;

function open(_file: File, events: SenderEvents): Opened {
  const sender = { events, start: vi.fn(), stop: vi.fn(), discard: vi.fn(async () => {}) };
  opened.push(sender);
  return sender;
}

function file(name: string, size = 1_000): File {
  return new File([new Uint8Array(size)], name, { lastModified: 1 });
}

function sender(index: number): Opened {
  const found = opened[index];
  if (!found) throw new Error(`no sender ${index}`);
  return found;
}

const states = () => transfers.snapshot().map(({ state }) => state);
const idOf = (index: number) => transfers.snapshot()[index]?.id ?? '';

beforeEach(() => {
  opened = [];
  now = 0;
  transfers = new Transfers(open, () => now);
});

test('two files go at once and the third follows when one is through', () => {
  transfers.add([file('a.mp4'), file('b.mp4'), file('c.mp4')]);
  expect(states()).toEqual(['sending', 'sending', 'queued']);
  sender(0).events.completed();
  expect(states()).toEqual(['sent', 'sending', 'sending']);
  expect(sender(2).start).toHaveBeenCalledOnce();
});

test('progress has a speed, and a lost connection has none', () => {
  transfers.add([file('a.mp4')]);
  sender(0).events.progressed(0);
  now = 1_000;
  sender(0).events.progressed(400);
  expect(transfers.snapshot()[0]).toMatchObject({ sent: 400, bytesPerSecond: 400 });
  sender(0).events.interrupted();
  expect(transfers.snapshot()[0]).toMatchObject({ state: 'waiting', sent: 400, bytesPerSecond: null });
  sender(0).events.progressed(500);
  expect(states()).toEqual(['sending']);
});

test('a paused file stays paused, whatever is still under way, and goes on when asked', () => {
  transfers.add([file('a.mp4')]);
  transfers.pause(idOf(0));
  sender(0).events.progressed(300);
  sender(0).events.interrupted();
  expect(states()).toEqual(['paused']);
  expect(sender(0).stop).toHaveBeenCalledOnce();
  transfers.resume(idOf(0));
  expect(states()).toEqual(['sending']);
  expect(sender(0).start).toHaveBeenCalledTimes(2);
});

test('pausing one makes room for the next', () => {
  transfers.add([file('a.mp4'), file('b.mp4'), file('c.mp4')]);
  transfers.pause(idOf(0));
  expect(states()).toEqual(['paused', 'sending', 'sending']);
});

test('the same file chosen again is not sent twice but goes on', () => {
  transfers.add([file('a.mp4')]);
  transfers.add([file('a.mp4')]);
  expect(states()).toEqual(['sending']);
  sender(0).events.failed('no room');
  expect(transfers.snapshot()[0]).toMatchObject({ state: 'failed', error: 'no room' });
  transfers.add([file('a.mp4')]);
  expect(transfers.snapshot()[0]).toMatchObject({ state: 'sending', error: null });
});

test('a cancelled file is gone here and at the server', async () => {
  transfers.add([file('a.mp4')]);
  await transfers.cancel(idOf(0));
  expect(states()).toEqual([]);
  expect(sender(0).discard).toHaveBeenCalledOnce();
});

test('when the person leaves, everything stops and is forgotten', () => {
  transfers.add([file('a.mp4'), file('b.mp4')]);
  sender(1).events.completed();
  transfers.clear();
  expect(states()).toEqual([]);
  expect(sender(0).stop).toHaveBeenCalledOnce();
  expect(sender(1).stop).not.toHaveBeenCalled();
});
