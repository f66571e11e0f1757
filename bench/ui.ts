import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Browser, chromium as playwrightChromium, type Request } from '@playwright/test';
import { chromium } from '../playwright.config.ts';
import { startNode } from '../test/e2e/fixtures/node.ts';
import { type BenchReporter, summarizeRuns } from './report.ts';
import type { BenchOptions } from './run.ts';

const root = join(import.meta.dirname, '..');

/** Pages to measure, each with a selector that matches once the page shows its data. */
const pages = [
  { page: '/pods', path: '/pods', shows: 'table[aria-label=Pods] [data-row-link]' },
  { page: '/pods/:id', path: '/pods/shop.cart', shows: '[data-path-kind]' },
  { page: '/programs', path: '/programs', shows: 'table [data-row-link]' },
  { page: '/rules', path: '/rules', shows: 'h1' },
  { page: '/settings', path: '/settings', shows: 'h1' },
] as const;

/** Time to wait for scripts that load late, in ms. */
const lateMs = 3000;

interface ScriptSizes {
  /** Compressed size in bytes of the scripts that were requested before the page's load event. */
  first: number;
  /** Compressed size in bytes of the scripts that were requested later, e.g. for a chart that scrolls into view. */
  late: number;
}

/**
 * Measures how much script a page loads: the production build, through the gateway, in Chromium with an empty cache.
 * `first_load_kb` counts scripts that were requested before the load event, `late_load_kb` those requested afterwards.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  progress('building the dashboard if it has changed');
  execFileSync(process.execPath, [join(root, 'scripts/setup.js'), 'test'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  await using node = await startNode();
  await node.addPod('cart', '10.42.7.2/32');
  const browser = await playwrightChromium.launch(chromium);
  try {
    const context = await browser.newContext();
    await (await context.newPage()).goto(node.gateway.link);
    const storageState = await context.storageState();
    await context.close();
    for (const { page, path, shows } of pages) {
      progress(page);
      const sizes: ScriptSizes[] = [];
      for (let round = 0; round < (quick ? 1 : 3); round++)
        sizes.push(await loadPage(browser, storageState, node.url + path, shows));
      const figure = (metric: string, values: number[]): void =>
        report({ bench: 'ui', metric, unit: 'kB', ...summarizeRuns(values), page });
      figure(
        'first_load_kb',
        sizes.map(({ first }) => first / 1000),
      );
      figure(
        'late_load_kb',
        sizes.map(({ late }) => late / 1000),
      );
    }
  } finally {
    await browser.close();
  }
}

type StorageState = Awaited<ReturnType<Awaited<ReturnType<Browser['newContext']>>['storageState']>>;

/** Loads a page in a new browser context, whose cache is empty. */
async function loadPage(
  browser: Browser,
  storageState: StorageState,
  url: string,
  shows: string,
): Promise<ScriptSizes> {
  const context = await browser.newContext({ storageState, viewport: { width: 1440, height: 900 } });
  try {
    const page = await context.newPage();
    const requests: Request[] = [];
    page.on('request', (request) => {
      if (request.resourceType() === 'script') requests.push(request);
    });
    await page.goto(url, { waitUntil: 'load' });
    await page.locator(shows).first().waitFor();
    await page.waitForTimeout(lateMs);
    const loadedAt = await page.evaluate<number>(
      "performance.timeOrigin + performance.getEntriesByType('navigation')[0].loadEventStart",
    );
    const sizes = { first: 0, late: 0 };
    for (const request of requests) {
      const { responseBodySize } = await request.sizes();
      sizes[request.timing().startTime < loadedAt ? 'first' : 'late'] += responseBodySize;
    }
    return sizes;
  } finally {
    await context.close();
  }
}
