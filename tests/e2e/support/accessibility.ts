import { expect, type Page } from '@playwright/test';
import axe from 'axe-core';

/** No finding of axe-core that would keep somebody out. */
export async function expectAccessible(page: Page) {
  await settle(page);
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`);
  });
  expect(found, `serious findings at ${page.url()}`).toEqual([]);
}

/** Nothing moves or loads any more: what fades in has no colour to judge yet. */
export async function settle(page: Page) {
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
  await page.waitForFunction(() => document.getAnimations().every((animation) => animation.playState !== 'running'
    || animation.effect?.getComputedTiming().iterations === Infinity));
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
}
