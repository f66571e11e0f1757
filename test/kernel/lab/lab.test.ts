import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { PodSummary } from '../../../contract/pod.ts';
import { requestAgent } from '../../../server/lab/agent-client.ts';
import { formatLabHostNetnsName, formatLabNetnsName } from '../../../server/lab/lab-topology.ts';

const root = join(import.meta.dirname, '../../..');
const lab = `k-${process.pid.toString(36)}`;
const endpoint = { socketPath: `/run/podlane-${lab}/agent.sock` };

type Apps = Record<string, { ok: number; failed: number; reconnects: number }>;
interface Lab {
  process: ChildProcess;
  apps: Apps;
  ready: { agentPid: number; agentCommand: string[] };
  agentEnded: boolean;
}
let running: Lab | undefined;

afterEach(async () => {
  if (running) await stop(running, 'SIGTERM');
  expect(leftovers()).toEqual([]);
});

test('six pods exchange traffic over veth devices, every request is answered, and SIGTERM leaves nothing behind', async () => {
  const { apps } = await start();
  await until(() => Object.values(apps).filter(({ ok }) => ok > 100).length === 6);
  expect(sum(apps, 'failed')).toBe(0);
  expect(sum(apps, 'reconnects')).toBe(0);

  const { items } = (await requestAgent(endpoint, 'GET', '/api/v1/pods')) as { items: PodSummary[] };
  expect(items.map(({ kind }) => kind)).toEqual(Array(6).fill('veth'));

  await stop(running!, 'SIGTERM');
  expect(sum(apps, 'failed')).toBe(0);
  expect(leftovers()).toEqual([]);
});

test('a pod that loses its device fails, as do its clients, and no other pod does', async () => {
  const { apps } = await start();
  await until(() => apps.cart!.ok > 20);
  execFileSync('ip', ['-n', formatLabNetnsName(lab, 'cart'), 'link', 'delete', 'eth0']);
  await until(() => apps.cart!.failed > 0 && apps.web!.failed > 0 && apps.payments!.failed > 0);
  expect(apps.worker!.failed + apps.indexer!.failed).toBe(0);
});

test('killing the agent stops no traffic, and a restarted agent receives its counts', async () => {
  const { apps, ready } = await start();
  await until(() => apps.cart!.ok > 20);
  process.kill(ready.agentPid, 'SIGKILL');
  await until(() => running!.agentEnded);
  const count = apps.cart!.ok;
  await until(() => apps.cart!.ok > count + 50);

  const again = spawn(ready.agentCommand[0]!, ready.agentCommand.slice(1), { stdio: 'ignore' });
  await until(() => existsSync(endpoint.socketPath) && agentResponds());
  const { items } = (await requestAgent(endpoint, 'GET', '/api/v1/pods')) as { items: PodSummary[] };
  expect(items.map(({ state }) => state)).toEqual(Array(6).fill('running'));
  expect(sum(apps, 'failed')).toBe(0);

  // The agent started here is in the lab's namespace, so the lab stops it too.
  await stop(running!, 'SIGTERM');
  await until(() => (again.exitCode ?? again.signalCode) !== null);
});

test('a lab removes what a killed lab of its name left behind', async () => {
  const killed = await start();
  await stop(killed, 'SIGKILL');
  expect(leftovers()).not.toEqual([]);
  const { apps } = await start();
  await until(() => apps.worker!.ok > 20);
  expect(sum(apps, 'failed')).toBe(0);
});

test('a lab that is stopped while it starts leaves nothing behind', async () => {
  const starting = launch();
  await sleep(1500);
  await stop(starting, 'SIGINT');
});

function launch(): Lab {
  const args = ['--native', '--no-dashboard', '--json', '--kind', 'veth', '--name', lab];
  const child = spawn(process.execPath, [join(root, 'scripts/lab.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const started: Lab = {
    process: child,
    apps: {},
    ready: { agentPid: 0, agentCommand: [] },
    agentEnded: false,
  };
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const said = JSON.parse(line);
    if (said.ready) started.ready = said;
    else if (said.event === 'traffic') Object.assign(started.apps, said.apps);
    else if (said.event === 'agent-ended') started.agentEnded = true;
  });
  return started;
}

async function start(): Promise<Lab> {
  const started = launch();
  running = started;
  await until(() => Object.keys(started.apps).length > 0);
  return started;
}

async function stop(stopped: Lab, signal: NodeJS.Signals): Promise<void> {
  if (stopped === running) running = undefined;
  const { process: child } = stopped;
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'close');
}

/** Returns everything on this machine that has the lab's name. */
const leftovers = () =>
  ['/run/netns', '/run', '/sys/fs/bpf'].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.startsWith(formatLabHostNetnsName(lab)))
      .map((name) => `${folder}/${name}`),
  );

const sum = (apps: Apps, what: 'ok' | 'failed' | 'reconnects') =>
  Object.values(apps).reduce((total, app) => total + app[what], 0);

const agentResponds = () =>
  requestAgent(endpoint, 'GET', '/api/v1/node').then(
    () => true,
    () => false,
  );

async function until(reached: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 25_000;
  while (!(await reached())) {
    if (performance.now() > deadline) throw new Error(`not within 25 s: ${reached}`);
    await sleep(50);
  }
}
