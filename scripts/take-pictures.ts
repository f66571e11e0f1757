import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, type Page } from '@playwright/test';
import type { DeviceKind } from '../contract/device.ts';
import type { Migration } from '../contract/migration.ts';
import type { PodSummary } from '../contract/pod.ts';
import { chromium as launchOptions } from '../playwright.config.ts';
import { startLab } from '../test/e2e/fixtures/lab.ts';

// Renews docs/pod.png from the lab: a pod that was moved to veth and back, with live traffic.
const file = join(import.meta.dirname, '../docs/pod.png');
const viewport = { width: 1440, height: 860 };
/** Time in ms on each device, so that the charts show all three stretches. */
const stretchMs = 30_000;
const pollMs = 500;

const lab = await startLab([]);
try {
  const browser = await chromium.launch(launchOptions);
  try {
    const page = await browser.newPage({ viewport, colorScheme: 'dark' });
    await page.goto(lab.link);
    const { items } = await ask<{ items: PodSummary[] }>(page, 'GET', '/pods');
    const pod = items.find(({ name }) => name.startsWith('cart-'));
    if (!pod) throw new Error('the lab has no pod cart');
    await page.goto(`${lab.url}/pods/${pod.id}`);
    await sleep(stretchMs);
    for (const to of ['veth', 'netkit'] as const) {
      await migrate(page, pod.id, to);
      await sleep(stretchMs);
    }
    await page.mouse.move(0, 0);
    await page.screenshot({ path: file });
  } finally {
    await browser.close();
  }
} finally {
  await lab.stop();
}
process.stdout.write(`${file}\n`);

/** Moves a pod, accepting what the plan names, and waits for the end. */
async function migrate(page: Page, pod: string, to: DeviceKind): Promise<void> {
  const { id } = await ask<Migration>(page, 'POST', `/pods/${pod}/migrations`, { to, accept: ['*'] });
  for (;;) {
    const { state, error } = await ask<Migration>(page, 'GET', `/migrations/${id}`);
    if (state === 'done') return;
    if (state !== 'running') throw new Error(`move to ${to}: ${state}: ${error?.detail ?? ''}`);
    await sleep(pollMs);
  }
}

/** Calls the API with the session of the page. */
async function ask<T>(page: Page, method: string, path: string, body?: object): Promise<T> {
  const { status, text } = await page.evaluate(
    async ([method, path, content]) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`/api/v1${path}`, {
        method: method ?? 'GET',
        ...(content === undefined ? {} : { body: content, headers }),
      });
      return { status: answer.status, text: await answer.text() };
    },
    [method, path, body && JSON.stringify(body)] as const,
  );
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  return JSON.parse(text) as T;
}
