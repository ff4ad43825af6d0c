import type { CDPSession, Page } from '@playwright/test';

/** The line between a page and the system: slow enough to see an upload go, and it can be cut. */
export class Line {
  #session: CDPSession;

  private constructor(session: CDPSession) {
    this.#session = session;
  }

  static async of(page: Page): Promise<Line> {
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    return new Line(session);
  }

  /** Whatever is on its way now is lost. */
  cut() {
    return this.#be({ offline: true, uploadThroughput: -1 });
  }

  /** It is there, with so many bytes a second for uploads. */
  carry(uploadThroughput: number) {
    return this.#be({ offline: false, uploadThroughput });
  }

  /** As fast as the machine is. */
  free() {
    return this.#be({ offline: false, uploadThroughput: -1 });
  }

  async #be(conditions: { offline: boolean; uploadThroughput: number }) {
    await this.#session.send('Network.emulateNetworkConditions', { latency: 0, downloadThroughput: -1, ...conditions });
  }
}
