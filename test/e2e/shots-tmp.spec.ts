import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { bareTest as test } from './fixtures/index.ts';
import { askApi, putRules } from './fixtures/rules.ts';

const out = '/tmp/c-ten-out/shots';
mkdirSync(out, { recursive: true });
const widths = [390, 1440, 1024, 2560];
async function shots(page: Page, name: string, full = true, only = widths): Promise<void> {
  for (const width of only)
    for (const colorScheme of ['dark', 'light'] as const) {
      if (colorScheme === 'light' && width !== 1440 && width !== 390) continue;
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(400);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) console.log(`OVERFLOW ${name} ${width}: ${wide}`);
      await page.screenshot({ path: `${out}/${name}-${width}-${colorScheme}.png`, fullPage: full });
    }
  await page.setViewportSize({ width: 1440, height: 900 });
}
const nat = `table inet shop { chain pre { type nat hook prerouting priority -100;
 ip daddr 10.96.0.2 tcp dport 80 dnat ip to 10.42.0.2:8080
 ip6 daddr fd96::2 tcp dport 80 dnat ip6 to [fd42:1234:5678:9abc:def0:1234:5678:2]:8080
 }; }`;
const rules = `name: shop
# comment
rules:
  - name: web to cart through the service with a long name that goes on
    direction: egress
    subject: { selector: { matchLabels: { app: web } } }
    peers: [{ pods: { matchLabels: { app: cart } } }]
    protocol: tcp
    action: log
  - name: deny rest of web
    direction: egress
    subject: { selector: { matchLabels: { app: web } } }
    action: deny
`;

test('shots', async ({ node, page }) => {
  test.setTimeout(1_200_000);
  await page.goto(await node.gateway.newLink());
  await page.goto('/rules');
  await shots(page, 'rules-empty');
  const cart = await node.addPod('cart-7c9d8b6f4-x2kqp', ['10.42.0.2/32', 'fd42:1234:5678:9abc:def0:1234:5678:2/128'], { labels: { app: 'cart' } });
  const web = await node.addPod('web-6f5c9d7b8d-4jmtw', ['10.42.0.3/32', 'fd42:1234:5678:9abc:def0:1234:5678:3/128'], { labels: { app: 'web' } });
  execFileSync('nsenter', [`--net=${node.host.path}`, 'nft', '-f', '-'], { input: nat });
  const server = cart.run('sh', '-c', `python3 - >/dev/null 2>&1 <<'P' & echo $!
import socket, threading
def run(s):
    while True:
        c, _ = s.accept(); c.sendall(b"x"); c.close()
for f, a in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    s = socket.socket(f); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if f == socket.AF_INET6: s.setsockopt(41, 26, 1)
    s.bind((a, 8080)); s.listen(); threading.Thread(target=run, args=(s,)).start()
P
`).trim();
  try {
    // learning
    const applying = putRules(page, rules);
    await page.waitForTimeout(700);
    await shots(page, 'rules-learning', false, [1440]);
    await applying;
    const talk = (to: string, port = 80) => web.run('bash', '--norc', '-c', `timeout 1 bash -c 'echo x >/dev/tcp/${to}/${port}'; true`);
    for (let i = 0; i < 3; i += 1) { talk('10.96.0.2'); talk('fd96::2'); talk('10.42.0.2', 8080); talk('10.42.0.9'); talk('fd42:1234:5678:9abc:def0:1234:5678:9999', 443); }
    web.run('sh', '-c', 'ip address add 172.30.5.7/32 dev eth0; ping -c 2 -W 1 -I 172.30.5.7 10.42.0.2 >/dev/null 2>&1; true');
    await page.goto('/rules');
    await shots(page, 'rules');
    await page.goto('/verdicts');
    for (let i = 0; i < 2; i += 1) { talk('10.96.0.2'); talk('fd96::2'); talk('10.42.0.9'); talk('fd42:1234:5678:9abc:def0:1234:5678:9999', 443); }
    await page.waitForTimeout(1500);
    await shots(page, 'verdicts', false);
    await page.goto('/rules/explain?source=shop.web-6f5c9d7b8d-4jmtw&destination=10.96.0.2&protocol=tcp&port=80');
    await page.waitForTimeout(1500);
    await shots(page, 'explain');
    await page.goto('/rules/explain?source=shop.web-6f5c9d7b8d-4jmtw&destination=fd96::2&protocol=tcp&port=80');
    await page.waitForTimeout(1500);
    await shots(page, 'explain6');
    await page.goto('/rules/explain');
    await shots(page, 'explain-empty', false, [390, 1440]);
    // import sheet
    await page.goto('/rules/editor?import');
    const dialog = page.getByRole('dialog');
    await shots(page, 'import-empty', false);
    await dialog.getByRole('textbox').fill(rules.replace('deny rest of web', 'added by the import').replace('name: shop', 'name: other'));
    await page.waitForTimeout(1500);
    await shots(page, 'import-replace', false);
    await dialog.getByText(/Merge:/).click();
    await page.waitForTimeout(1500);
    await shots(page, 'import-merge', false);
    await dialog.getByRole('textbox').fill('name: x\nrules: [a\n');
    await page.waitForTimeout(1500);
    await shots(page, 'import-bad', false, [390, 1440]);
    await page.keyboard.press('Escape');
    // sessions
    for (const role of [1, 2, 3]) { void role; await page.request.get(await node.gateway.newLink()).catch(() => undefined); }
    await page.goto('/settings');
    await page.waitForTimeout(1000);
    await shots(page, 'settings');
    // pod page
    const { body } = await askApi(page, 'GET', '/pods');
    const pods = JSON.parse(body).items as { id: string; name: string }[];
    const webId = pods.find(({ name }) => name.startsWith('web'))!.id;
    await askApi(page, 'PUT', `/pods/${webId}/checks`, JSON.stringify({ source: 'strict', sourcePrefixes: ['172.30.0.0/16', 'fd00:aaaa:bbbb:cccc::/64'], ethertypes: ['lldp', 'vlan'] })).then((answer) => console.log(answer.status, answer.body.slice(0, 200)));
    web.run('sh', '-c', 'ping -c 2 -W 1 -I 172.30.5.7 10.42.0.2 >/dev/null 2>&1; ip address add 192.168.77.1/32 dev eth0; ping -c 2 -W 1 -I 192.168.77.1 10.42.0.2 >/dev/null 2>&1; true');
    await page.goto(`/pods/${webId}`);
    await page.waitForTimeout(3000);
    await shots(page, 'pod');
    const loading = await page.context().newPage();
    await loading.route('**/api/v1/**', async () => new Promise(() => undefined));
    await loading.goto(`/pods/${webId}`, { waitUntil: 'domcontentloaded' });
    await loading.waitForTimeout(1500);
    await shots(loading, 'pod-loading', false, [390, 1440]);
    for (const path of ['rules', 'verdicts', 'settings', 'rules/explain']) {
      await loading.goto(`/${path}`, { waitUntil: 'domcontentloaded' });
      await loading.waitForTimeout(1200);
      await shots(loading, `${path.replace('/', '-')}-loading`, false, [390, 1440]);
    }
    await loading.close();
    await node.killAgent();
    await page.waitForTimeout(3000);
    await shots(page, 'pod-gone', false, [390, 1440]);
    for (const path of ['rules', 'verdicts', 'settings', 'rules/explain']) {
      await page.goto(`/${path}`, { waitUntil: 'domcontentloaded' });
      await page.waitForTimeout(2500);
      await shots(page, `${path.replace('/', '-')}-gone`, false, [390, 1440]);
    }
  } finally {
    process.kill(Number(server), 'SIGKILL');
  }
});
