import { defineConfig } from '@playwright/test';

/** Debian's Chromium without background requests. The sandbox is off because it refuses to run as root. */
export const chromium = {
  executablePath: process.env.PODLANE_CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};

export default defineConfig({
  // The tests of the lab need its guest where the running kernel has no netkit.
  projects: [
    { name: 'e2e', testDir: 'test/e2e', testIgnore: 'lab/**' },
    { name: 'lab', testDir: 'test/e2e/lab' },
  ],
  outputDir: '.cache/e2e',
  // One lab at a time: the tests change the pods of one node.
  workers: 1,
  forbidOnly: true,
  // Time-outs only end what hangs: they leave room for a machine that is busy with other work.
  timeout: 240_000,
  expect: { timeout: 45_000 },
  reporter: [['list']],
  use: {
    browserName: 'chromium',
    viewport: { width: 1440, height: 900 },
    launchOptions: chromium,
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
  },
});
