import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import type { ObservedPodPage } from '../../contract/observed-pod.ts';
import { runtimeNames } from '../../scripts/runtimes/install-runtimes.ts';
import { requestAgent } from '../../server/lab/agent-client.ts';
import { labPods } from '../../server/lab/lab-topology.ts';
import type { RequestCounts } from '../../server/lab/traffic/traffic-client.ts';
import { pollUntil } from '../testbed/poll.ts';

const root = join(import.meta.dirname, '../..');
const lab = `r-${process.pid.toString(36)}`;
const endpoint = { socketPath: `/run/podlane-${lab}/agent.sock` };

interface RunningLab {
  process: ChildProcess;
  apps: Record<string, RequestCounts>;
  errors: string;
}
let running: RunningLab | undefined;

afterEach(async () => {
  running?.process.kill('SIGKILL');
  await pollUntil(
    async () => listLabLeftovers(),
    (left) => left.length === 0,
  );
});

test.each(runtimeNames)(
  'npm run lab -- --runtime %s: six containers with traffic, observed by their names, and Ctrl-C leaves nothing',
  async (runtime) => {
    const { apps, process: child } = await start(['--runtime', runtime]);
    await pollUntil(
      async () => Object.values(apps),
      (counts) => counts.length === labPods.length + 1 && counts.every(({ ok }) => ok > 10),
    );
    expect(sum(apps, 'failed')).toBe(0);
    expect(sum(apps, 'reconnects')).toBe(0);

    const { items } = (await requestAgent(endpoint, 'GET', '/api/v1/observed-pods')) as ObservedPodPage;
    expect(items.map(({ labels }) => labels.app).sort()).toEqual(labPods.map(({ app }) => app).sort());
    for (const { name, labels, kind, runtime: made } of items) {
      const pod = labPods.find(({ app }) => app === labels.app)!;
      expect({ name, kind, runtime: made?.name }).toEqual({
        name: runtime === 'containerd' ? pod.name : pod.app,
        kind: 'veth',
        runtime,
      });
      expect(labels).toMatchObject(pod.labels);
    }
    child.kill('SIGINT');
    await once(child, 'close');
    expect(sum(apps, 'failed')).toBe(0);
    expect(listLabLeftovers()).toEqual([]);
  },
);

test('a lab with containers that is killed leaves nothing but its empty folder, which the next one removes', async () => {
  const { process: child } = await start(['--runtime', 'docker']);
  child.kill('SIGKILL');
  await pollUntil(
    async () => listLabLeftovers().filter((path) => !path.startsWith('/run/podlane')),
    (left) => left.length === 0,
  );
  const again = await start(['--runtime', 'docker']);
  again.process.kill('SIGTERM');
  await once(again.process, 'close');
  expect(listLabLeftovers()).toEqual([]);
});

test.each([
  [['--runtime', 'rkt'], /--runtime rkt: one of docker, podman, containerd/],
  [['--runtime', 'docker', '--kind', 'netkit'], /--kind: the runtime makes the devices/],
])('%j is refused', async (flags, message) => {
  const refused = launch(flags);
  const [code] = await once(refused.process, 'close');
  expect(code).toBe(1);
  expect(refused.errors).toMatch(message);
});

function launch(flags: readonly string[]): RunningLab {
  const args = [
    join(root, 'scripts/lab.ts'),
    '--native',
    '--no-dashboard',
    '--json',
    '--name',
    lab,
    ...flags,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const launched: RunningLab = { process: child, apps: {}, errors: '' };
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    launched.errors += text;
  });
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const said = JSON.parse(line);
    if (said.event === 'traffic') Object.assign(launched.apps, said.apps);
  });
  return launched;
}

async function start(flags: readonly string[]): Promise<RunningLab> {
  const started = launch(flags);
  running = started;
  await pollUntil(
    async () => {
      if (started.process.exitCode !== null) throw new Error(started.errors);
      return Object.keys(started.apps);
    },
    (apps) => apps.length > 0,
  );
  return started;
}

/** Lists everything on this machine that has the lab's name. */
const listLabLeftovers = (): string[] =>
  ['/run/netns', '/run', tmpdir(), '/sys/fs/bpf', ...listHierarchies()].flatMap((folder) =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => name.startsWith(`podlane-${lab}`))
          .map((name) => join(folder, name))
      : [],
  );

const listHierarchies = (): string[] => [
  '/sys/fs/cgroup',
  ...readdirSync('/sys/fs/cgroup', { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join('/sys/fs/cgroup', name)),
];

const sum = (apps: Record<string, RequestCounts>, what: keyof RequestCounts): number =>
  Object.values(apps).reduce((total, app) => total + app[what], 0);
