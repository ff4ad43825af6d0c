import { defineConfig } from '@playwright/test';
import { output } from './support/places.ts';

// One system for all journeys, one journey at a time: they share its accounts and its library.
export default defineConfig({
  testDir: 'journeys',
  outputDir: output('results'),
  globalSetup: './support/system.ts',
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: 'list',
  projects: [
    { name: 'set-up', testMatch: 'set-up.spec.ts' },
    { name: 'journeys', testIgnore: 'set-up.spec.ts', dependencies: process.env.E2E_URL ? [] : ['set-up'] },
  ],
  use: {
    viewport: { width: 1280, height: 800 },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    actionTimeout: 20_000,
    navigationTimeout: 20_000,
    launchOptions: {
      executablePath: process.env.NEXUS_TEST_CHROMIUM ?? '/usr/bin/chromium',
      // Nothing that calls home or needs hardware; sound and picture without a click first.
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--autoplay-policy=no-user-gesture-required',
      ],
    },
  },
});
