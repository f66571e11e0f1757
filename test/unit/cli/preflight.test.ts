import { expect, test, vi } from 'vitest';
import type { PodPreflight, Preflight, PreflightPod } from '../../../contract/preflight.ts';
import { listPreflightSubjects } from '../../../contract/preflight-reasons.ts';
import { createFinding, explainReasons, toChecks } from '../../../server/preflight/findings.ts';
import { fakeAgent, podlane } from './podlane-process.ts';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const time = '2026-11-29T12:00:00.000Z';
const pod = (
  name: string,
  verdict: PreflightPod['verdict'],
  findings: PreflightPod['findings'] = [],
): PreflightPod => ({
  pod: { id: name, namespace: 'shop', name, kind: 'veth', origin: 'podlane' },
  verdict,
  lookedAt: time,
  findings,
});
const refused = pod('cart', 'refused', [createFinding('child_interface', 'refused', 'macvlan mv0: gone')]);
const losses = pod('web', 'ready_with_losses', [
  createFinding('xdp_program', 'loss', 'xdp_pass', { command: 'podlane migrate shop.web netkit --accept a' }),
]);
const ready = pod('db', 'ready');

const answer = (pods: PreflightPod[], remaining = 0): Preflight => ({
  node: {
    name: 'here',
    kernel: '6.12',
    netkit: true,
    lookedAt: time,
    checks: toChecks('node', listPreflightSubjects('node'), []),
    neverLooked: ['The moon.'],
  },
  since: time,
  counts: { refused: 0, unknown: 0, ready_with_losses: 0, ready: pods.length, on_netkit: 0 },
  remaining,
  reasons: explainReasons(pods),
  pods,
});

test('without pods it looks at all of the node, and prints each reason once with its remedy', async () => {
  const agent = await fakeAgent({ 'POST /preflight': { body: answer([refused, losses, ready]) } });
  const { code, stdout, stderr } = await podlane('preflight', '--socket', agent.socket);
  expect([code, stderr]).toEqual([5, '']);
  expect(JSON.parse(agent.requests[0]?.body ?? '')).toEqual({ all: true });
  expect(stdout).toContain('node    here, kernel 6.12');
  expect(stdout).toMatch(/^refused +shop\.cart +veth +0 +child_interface$/m);
  expect(stdout.match(/Interfaces are on top of the device/g)).toHaveLength(1);
  expect(stdout).toContain('REFUSED child_interface: Interfaces are on top of the device (1 pod)');
  expect(stdout).toContain('  shop.web: xdp_pass\n    podlane migrate shop.web netkit --accept a');
  expect(stdout).toContain('NOT LOOKED AT\n  The moon.');
});

test('exit codes tell ready pods from losses and refusals', async () => {
  const exitCode = async (...pods: PreflightPod[]) => {
    const agent = await fakeAgent({ 'POST /preflight': { body: answer(pods) } });
    return (await podlane('preflight', '--all', '--socket', agent.socket)).code;
  };
  expect(await exitCode(ready)).toBe(0);
  expect(await exitCode(pod('api', 'on_netkit'), ready)).toBe(0);
  expect(await exitCode(ready, losses)).toBe(4);
  expect(await exitCode(losses, refused)).toBe(5);
  expect(await exitCode(pod('new', 'unknown'))).toBe(5);
  expect(await exitCode()).toBe(0);
});

test('one pod is shown with everything that was looked at', async () => {
  const body: PodPreflight = {
    pod: refused.pod,
    verdict: refused.verdict,
    lookedAt: time,
    checks: toChecks('pod', listPreflightSubjects('pod'), refused.findings, new Map([['xdp', 'EIO']])),
    reasons: explainReasons([refused]),
  };
  const agent = await fakeAgent({ 'GET /pods/shop.cart/preflight': { body } });
  const { code, stdout } = await podlane('preflight', 'shop.cart', '--socket', agent.socket);
  expect(code).toBe(5);
  expect(stdout).toMatch(/^Sockets +passed +TCP, UDP, raw, packet and XDP sockets/m);
  expect(stdout).toMatch(/^XDP +not checked/m);
  const json = await podlane('preflight', 'shop.cart', '--json', '--socket', agent.socket);
  expect(JSON.parse(json.stdout)).toEqual(body);
});

test('several pods and a selector are sent as they are', async () => {
  const agent = await fakeAgent({ 'POST /preflight': { body: answer([ready]) } });
  await podlane('preflight', 'shop.a', 'shop.b', '--socket', agent.socket);
  await podlane('preflight', '--selector', 'app=web,tier=x', '--socket', agent.socket);
  expect(agent.requests.map(({ body }) => JSON.parse(body))).toEqual([
    { pods: ['shop.a', 'shop.b'] },
    { selector: { app: 'web', tier: 'x' } },
  ]);
});

test('pods with a selector, and labels without a value, are refused before anything is asked', async () => {
  const agent = await fakeAgent({});
  for (const words of [
    ['shop.a', '--all'],
    ['shop.a', '--selector', 'app=web'],
    ['--selector', 'app'],
  ]) {
    const { code, stderr } = await podlane('preflight', ...words, '--socket', agent.socket);
    expect([code, stderr]).toEqual([1, expect.stringContaining('bad_request')]);
  }
  expect(agent.requests).toEqual([]);
});

test('--help says how it is called and what the exit codes mean', async () => {
  const { code, stdout } = await podlane('preflight', '--help');
  expect(code).toBe(0);
  expect(stdout).toContain('usage: podlane preflight [POD…] [options]');
  expect(stdout).toContain('Exit codes: 0 every pod is ready or on netkit, 4 some lose something by it');
});
