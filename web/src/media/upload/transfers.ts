import { Rate } from './rate';

export type TransferState =
  /** It waits until others are through. */
  | 'queued'
  | 'sending'
  | 'paused'
  /** The connection is lost; it goes on by itself. */
  | 'waiting'
  /** Every byte is at the server. */
  | 'sent'
  /** It can't go on; `error` says why. */
  | 'failed';

/** A file on its way from this page to the server. */
export interface Transfer {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly sent: number;
  readonly bytesPerSecond: number | null;
  readonly state: TransferState;
  readonly error: string | null;
  /** The upload at the server; `null` until it exists. */
  readonly uploadId: string | null;
}

/** Sends one file; may be stopped and started any number of times. */
export interface Sender {
  start(): void;
  stop(): void;
  /** Stops for good and removes what the server has. */
  discard(): Promise<void>;
}

/** What a sender tells. */
export interface SenderEvents {
  located(uploadId: string): void;
  progressed(sent: number): void;
  interrupted(): void;
  completed(): void;
  failed(reason: string): void;
}

export type OpenSender = (file: File, events: SenderEvents) => Sender;

interface Entry {
  transfer: Transfer;
  file: File;
  sender: Sender;
  rate: Rate;
}

/** More at once would only share the same line. */
const AT_ONCE = 2;

/** The files that this page sends. It outlives the pages of the console: an upload goes on while the person looks elsewhere. */
export class Transfers {
  #entries: Entry[] = [];
  #snapshot: readonly Transfer[] = [];
  #listeners = new Set<() => void>();
  #open: OpenSender;
  #now: () => number;
  #count = 0;

  constructor(open: OpenSender, now: () => number = Date.now) {
    this.#open = open;
    this.#now = now;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): readonly Transfer[] => this.#snapshot;

  /** Sends these files too. One that is on its way already is not sent twice; a paused or failed one goes on. */
  add(files: Iterable<File>): void {
    for (const file of files) {
      const known = this.#entries.find((entry) => entry.transfer.state !== 'sent' && isSame(entry.file, file));
      if (known) this.resume(known.transfer.id);
      else this.#entries.push(this.#enter(file));
    }
    this.#advance();
  }

  pause(id: string): void {
    this.#with(id, (entry) => {
      entry.sender.stop();
      this.#change(entry, { state: 'paused' });
    });
  }

  resume(id: string): void {
    this.#with(id, (entry) => {
      if (entry.transfer.state !== 'paused' && entry.transfer.state !== 'failed') return;
      this.#change(entry, { state: 'queued', error: null });
    });
  }

  /** Stops it and removes what the server has of it. */
  async cancel(id: string): Promise<void> {
    const entry = this.#entries.find(({ transfer }) => transfer.id === id);
    if (!entry) return;
    this.dismiss(id);
    await entry.sender.discard();
  }

  /** Shows it no longer. */
  dismiss(id: string): void {
    this.#entries = this.#entries.filter((entry) => entry.transfer.id !== id);
    this.#advance();
  }

  /** Stops all and forgets them: somebody else may sit here now. What the server has stays. */
  clear(): void {
    for (const { sender, transfer } of this.#entries) if (transfer.state !== 'sent') sender.stop();
    this.#entries = [];
    this.#publish();
  }

  #enter(file: File): Entry {
    this.#count += 1;
    const entry: Entry = {
      file,
      rate: new Rate(),
      transfer: {
        id: `transfer-${this.#count}`,
        name: file.name,
        size: file.size,
        sent: 0,
        bytesPerSecond: null,
        state: 'queued',
        error: null,
        uploadId: null,
      },
      sender: this.#open(file, {
        located: (uploadId) => this.#change(entry, { uploadId }),
        progressed: (sent) => this.#progressed(entry, sent),
        interrupted: () => {
          if (entry.transfer.state === 'sending') this.#change(entry, { state: 'waiting' });
        },
        completed: () => {
          this.#change(entry, { state: 'sent', sent: file.size });
          this.#advance();
        },
        failed: (error) => {
          this.#change(entry, { state: 'failed', error });
          this.#advance();
        },
      }),
    };
    return entry;
  }

  #progressed(entry: Entry, sent: number): void {
    if (entry.transfer.state === 'paused') return;
    entry.rate.note(sent, this.#now());
    this.#change(entry, { state: 'sending', sent, bytesPerSecond: entry.rate.perSecond() });
  }

  #with(id: string, work: (entry: Entry) => void): void {
    const entry = this.#entries.find(({ transfer }) => transfer.id === id);
    if (entry) work(entry);
    this.#advance();
  }

  #change(entry: Entry, change: Partial<Transfer>): void {
    const state = change.state ?? entry.transfer.state;
    const moving = state === 'sending';
    if (!moving) entry.rate.forget();
    entry.transfer = { ...entry.transfer, ...(moving ? {} : { bytesPerSecond: null }), ...change };
    this.#publish();
  }

  /** Starts those that wait as far as there is room. */
  #advance(): void {
    const busy = this.#entries.filter(({ transfer }) => transfer.state === 'sending' || transfer.state === 'waiting');
    const queued = this.#entries.filter(({ transfer }) => transfer.state === 'queued');
    for (const entry of queued.slice(0, Math.max(0, AT_ONCE - busy.length))) {
      this.#change(entry, { state: 'sending' });
      entry.sender.start();
    }
    this.#publish();
  }

  #publish(): void {
    this.#snapshot = this.#entries.map(({ transfer }) => transfer);
    for (const listener of this.#listeners) listener();
  }
}

function isSame(one: File, other: File): boolean {
  return one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;
}
