import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CniStatus } from '../contract/container.ts';
import type { DeviceKind } from '../contract/device.ts';
import { startAgentProcess } from '../scripts/agent-process.ts';
import { createNamedNamespace, deleteNamedNamespace } from '../server/kernel/netns.ts';
import { requestAgent } from '../server/lab/agent-client.ts';
import { CommandTimer } from './command-timer.ts';
import { type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';

/** Folder of Debian's CNI plugins. */
const debianPlugins = '/usr/lib/cni';
const plugin = join(import.meta.dirname, '../.cache/cni/podlane');
/** Pause in ms after each command, in which the kernel ends what it does after it. */
const pauseMs = 60;
/** Number of containers that are there at once. */
const batch = 20;
/** Number of containers that are added at once. */
const burst = 20;

interface Network {
  /** The program, and the file with its configuration. */
  plugin: string;
  config: string;
}

type Verb = 'ADD' | 'DEL';
type Times = Record<Verb, number[]>;

const folder = mkdtempSync(join(tmpdir(), 'podlane-bench-cni-'));
const socket = join(folder, 'agent.sock');

function writeNetwork(name: string, program: string, settings: object): Network {
  const config = join(folder, `${name}.json`);
  writeFileSync(config, JSON.stringify({ cniVersion: '1.0.0', name, ...settings }));
  return { plugin: program, config };
}

const command = (verb: Verb, { plugin, config }: Network, container: string, netns: string): string[] => [
  `CNI_COMMAND=${verb}`,
  `CNI_CONTAINERID=${container}`,
  `CNI_NETNS=${netns}`,
  'CNI_IFNAME=eth0',
  `CNI_PATH=${debianPlugins}`,
  `PODLANE_CNI_SOCKET=${join(folder, 'cni.sock')}`,
  `<${config}`,
  plugin,
];

/** Adds containers one by one, waits until the agent has nothing left to do for them, and removes them one by one. */
async function measure(
  report: BenchReporter,
  env: string,
  kind: DeviceKind,
  containers: number,
): Promise<void> {
  if (!existsSync(join(debianPlugins, 'ptp')))
    throw new Error(`${debianPlugins}/ptp is missing: apt-get install containernetworking-plugins`);
  execFileSync('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  const pins = ['--database', join(folder, 'podlane.db'), '--pins', '/sys/fs/bpf/podlane'];
  const agent = await startAgentProcess(socket, [...pins, '--log-level', 'warn']);
  try {
    const networks = {
      pool: writeNetwork('pool', plugin, { type: 'podlane', pool: ['10.44.0.0/16'], device: kind }),
      'host-local': writeNetwork('delegate', plugin, {
        type: 'podlane',
        device: kind,
        ipam: { type: 'host-local', subnet: '10.45.0.0/16', dataDir: join(folder, 'delegate') },
      }),
      ptp: writeNetwork('ptp', join(debianPlugins, 'ptp'), {
        type: 'ptp',
        ipMasq: false,
        mtu: 1500,
        ipam: { type: 'host-local', subnet: '10.46.0.0/16', dataDir: join(folder, 'ptp') },
      }),
    };
    using timer = new CommandTimer();
    const times: Record<keyof typeof networks, Times> = {
      pool: { ADD: [], DEL: [] },
      'host-local': { ADD: [], DEL: [] },
      ptp: { ADD: [], DEL: [] },
    };
    const each = Object.entries(networks) as [keyof typeof networks, Network][];
    // The first batch warms all up.
    for (let round = -1; round < Math.ceil(containers / batch); round++) {
      const size = Math.min(batch, containers);
      const run = async (verb: Verb): Promise<void> => {
        for (let n = 0; n < size; n++)
          for (const [name, network] of each) {
            const container = `${name}-${round + 1}-${n}`;
            const netns = `/run/netns/${container}`;
            if (verb === 'ADD') createNamedNamespace(container);
            const ms = await timer.run([command(verb, network, container, netns)]);
            if (round >= 0) times[name][verb].push(ms);
            await sleep(pauseMs);
            if (verb === 'DEL') deleteNamedNamespace(container);
          }
      };
      await run('ADD');
      await untilSettled();
      await run('DEL');
    }
    const figure = (verb: Verb, ipam: 'pool' | 'host-local'): void => {
      for (const [quantile, of] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const) {
        const value = quantileOf(times[ipam][verb], of);
        const peerValue = quantileOf(times.ptp[verb], of);
        const { min, max, runs } = summarizeRuns(times[ipam][verb]);
        report({
          ...{ bench: 'cni', metric: `${verb.toLowerCase()}_ms`, env, kind, ipam, quantile },
          ...{ value, unit: 'ms', min, max, runs, peer: 'ptp', peerValue, ratio: value / peerValue },
        });
      }
    };
    for (const ipam of ['pool', 'host-local'] as const)
      for (const verb of ['ADD', 'DEL'] as const) figure(verb, ipam);
    await measureBursts(report, env, kind, networks);
  } finally {
    await agent.stop();
  }
}

/** Adds containers all at once, and removes them all at once: the time until the last one has answered. */
async function measureBursts(
  report: BenchReporter,
  env: string,
  kind: DeviceKind,
  networks: Record<'pool' | 'ptp', Network>,
): Promise<void> {
  const timers = Array.from({ length: burst }, () => new CommandTimer());
  const spent: Record<'pool' | 'ptp', Times> = { pool: { ADD: [], DEL: [] }, ptp: { ADD: [], DEL: [] } };
  for (let round = 0; round < 4; round++)
    for (const name of ['pool', 'ptp'] as const) {
      const containers = timers.map((_, n) => `burst-${name}-${round}-${n}`);
      for (const container of containers) createNamedNamespace(container);
      for (const verb of ['ADD', 'DEL'] as const) {
        const start = performance.now();
        await Promise.all(
          containers.map((container, n) =>
            timers[n]!.run([command(verb, networks[name], container, `/run/netns/${container}`)]),
          ),
        );
        if (round > 0) spent[name][verb].push(performance.now() - start);
        await untilSettled();
      }
      for (const container of containers) deleteNamedNamespace(container);
    }
  for (const timer of timers) timer[Symbol.dispose]();
  for (const verb of ['ADD', 'DEL'] as const) {
    const our = summarizeRuns(spent.pool[verb]);
    const peerValue = summarizeRuns(spent.ptp[verb]).value;
    report({
      ...{
        bench: 'cni',
        metric: `${verb.toLowerCase()}_burst_ms`,
        env,
        kind,
        ipam: 'pool',
        containers: burst,
      },
      ...{ ...our, unit: 'ms', peer: 'ptp', peerValue, ratio: our.value / peerValue },
    });
  }
}

/** Waits until the agent has moved the programs of all containers to their hooks. */
async function untilSettled(): Promise<void> {
  for (;;) {
    await sleep(500);
    const { misplaced } = (await requestAgent({ socketPath: socket }, 'GET', '/api/v1/cni')) as CniStatus;
    if (misplaced === 0) return;
  }
}

const quantileOf = (values: readonly number[], quantile: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN;
};

const [env = 'native', kind = 'veth', containers = '200'] = process.argv.slice(2);
await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  env,
  kind as DeviceKind,
  Number(containers),
);
process.exit(0);
