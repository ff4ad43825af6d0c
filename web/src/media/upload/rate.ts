/** How much of the past counts: long enough to be calm, short enough to notice a change. */
const WINDOW_MS = 5_000;
/** What happened in less time than this says nothing yet. */
const LEAST_MS = 500;

interface Sample {
  at: number;
  total: number;
}

/** Measures how fast a growing total grows. */
export class Rate {
  #samples: Sample[] = [];

  /** Notes that the total is this now. A total that shrinks begins a new measurement. */
  note(total: number, at: number): void {
    const last = this.#samples.at(-1);
    if (last && total < last.total) this.#samples = [];
    this.#samples.push({ at, total });
    while (this.#samples.length > 2 && at - (this.#samples[0]?.at ?? at) > WINDOW_MS) this.#samples.shift();
  }

  /** Units a second; `null` while too little is known. */
  perSecond(): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || !last || last.at - first.at < LEAST_MS) return null;
    return ((last.total - first.total) * 1_000) / (last.at - first.at);
  }

  forget(): void {
    this.#samples = [];
  }
}

/** Seconds until the rest has gone at this speed; `null` when nobody knows. */
export function secondsLeft(size: number, sent: number, bytesPerSecond: number | null): number | null {
  if (!bytesPerSecond || bytesPerSecond <= 0) return null;
  return Math.max(0, size - sent) / bytesPerSecond;
}
