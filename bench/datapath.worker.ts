import { execFileSync } from 'node:child_process';
import type { DeviceKind } from '../contract/device.ts';
import { counterIndexByName } from '../server/bpf/counter-layout.ts';
import { slotToPrimaryIfindex } from '../server/bpf/datapath-structs.ts';
import { deleteDevicePair } from '../server/datapath/device/device-pair.ts';
import { removeRedirectEndpoints } from '../server/datapath/device/podlane-programs.ts';
import type { KernelContext } from '../server/datapath/kernel-context.ts';
import {
  attachBenchPod,
  type BenchHooks,
  createBenchNamespace,
  createBenchPodRecords,
  openBenchKernelContext,
  withoutProgramAttachment,
} from './fixture.ts';
import { attachMinimalRedirect } from './minimal-redirect.ts';
import { type BenchFigure, type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';
import {
  BenchTrafficClient,
  type BenchTrafficKind,
  startTrafficServer,
  type TrafficRoundResult,
} from './traffic.ts';

/**
 * A path between two pods of a host. With `redirect`, programs bypass the routing of the host: Podlane's, or without
 * hooks those of `minimal-redirect.bpf.c`.
 */
interface Path {
  name: string;
  kind: DeviceKind;
  hooks: BenchHooks;
  redirect: boolean;
}

const peer = 'veth-routing';
const peerWithPrograms = 'veth-routing-programs';
const loopback = { name: 'loopback', hooks: 'none' } as const;
const paths: Path[] = [
  { name: peer, kind: 'veth', hooks: 'none', redirect: false },
  { name: peerWithPrograms, kind: 'veth', hooks: 'tcx', redirect: false },
  { name: 'veth-redirect', kind: 'veth', hooks: 'tcx', redirect: true },
  { name: 'netkit-routing', kind: 'netkit', hooks: 'none', redirect: false },
  { name: 'netkit-routing-programs', kind: 'netkit', hooks: 'netkit', redirect: false },
  { name: 'netkit-redirect', kind: 'netkit', hooks: 'netkit', redirect: true },
  { name: 'minimal-redirect', kind: 'netkit', hooks: 'none', redirect: true },
];

const metrics = {
  requests: ['requests_per_s', '1/s', ({ amount, seconds }: TrafficRoundResult) => amount / seconds],
  udp: [
    'udp_pps',
    'packets/s',
    ({ arrived, settledSeconds }: TrafficRoundResult) => arrived / settledSeconds,
  ],
  stream: [
    'stream_mbps',
    'Mbit/s',
    ({ amount, settledSeconds }: TrafficRoundResult) => (amount * 8) / settledSeconds / 1e6,
  ],
} as const satisfies Record<
  BenchTrafficKind,
  readonly [string, string, (round: TrafficRoundResult) => number]
>;
const traffics = Object.keys(metrics) as BenchTrafficKind[];

interface Measure {
  env: string;
  rounds: number;
  milliseconds: number;
}

/**
 * Requests, datagrams and streams between two pods over each path. One path after the other, each on fresh devices:
 * where time runs by counted instructions, what ran before does not matter.
 */
async function measure(report: BenchReporter, { env, rounds, milliseconds }: Measure): Promise<void> {
  loadConntrack();
  const kernel = await openBenchKernelContext();
  if (!kernel.programs.features.conntrack) throw new Error('the redirect does not ask conntrack');
  const results = new Map<string, number[]>();
  const between = async (name: string, from: string | undefined, address: string, to: string | undefined) => {
    using _server = await startTrafficServer(to === undefined ? {} : { netns: to });
    for (const traffic of traffics) {
      using client = new BenchTrafficClient(from === undefined ? {} : { netns: from }, traffic, address);
      await client.round(milliseconds);
      const done: number[] = [];
      for (let round = 0; round < rounds; round++)
        done.push(metrics[traffic][2](await client.round(milliseconds)));
      results.set(`${name} ${traffic}`, done);
    }
  };
  await between(loopback.name, undefined, '127.0.0.1', undefined);
  for (const [index, path] of paths.entries()) await overPath(kernel, path, index, between);

  for (const traffic of traffics) {
    const [metric, unit] = metrics[traffic];
    const of = (path: string) => summarizeRuns(results.get(`${path} ${traffic}`)!);
    for (const { name, hooks } of [loopback, ...paths]) {
      const figure: BenchFigure = { bench: 'datapath', metric, path: name, env, ...of(name), unit };
      // What the programs cost is in the first comparison of those that have them, and in neither side of the second.
      const against = hooks === 'none' ? [peer] : [peer, peerWithPrograms];
      for (const other of against.filter((each) => each !== name)) {
        const peerValue = of(other).value;
        report({ ...figure, peer: other, peerValue, ratio: figure.value / peerValue });
      }
      if (name === peer) report(figure);
    }
  }
}

/**
 * Has the kernel load nf_conntrack, and leaves no rule that needs it: the redirect then asks conntrack about each flow,
 * while routing does not track any, which is the comparison that is worst for the redirect.
 */
function loadConntrack(): void {
  const nft = (text: string) => execFileSync('nft', ['-f', '-'], { input: text });
  nft('table inet bench { chain tracked { ct state new; }; }');
  nft('delete table inet bench');
}

type Between = (name: string, from: string, address: string, to: string) => Promise<void>;

async function overPath(kernel: KernelContext, path: Path, index: number, between: Between): Promise<void> {
  const { kind, hooks, redirect } = path;
  const ours: KernelContext = {
    ...(hooks === 'none' ? withoutProgramAttachment(kernel) : kernel),
    redirect: { appliesTo: () => redirect, ofPod: () => null },
  };
  const pods = [2 * index, 2 * index + 1].map((number) =>
    createBenchPodRecords({ number, netns: createBenchNamespace(String(number)), kind, hooks }),
  );
  for (const pod of pods) await attachBenchPod(ours, pod);
  const [from, to] = pods;
  if (hooks === 'none' && redirect)
    for (const [one, other] of [
      [from!, to!],
      [to!, from!],
    ] as const)
      await attachMinimalRedirect(
        slotToPrimaryIfindex(one.device.slot),
        slotToPrimaryIfindex(other.device.slot),
      );
  const before = redirected(kernel, from!.device.slot);
  await between(path.name, from!.pod.netnsPath, `10.42.0.${2 * index + 3}`, to!.pod.netnsPath);
  const took = redirected(kernel, from!.device.slot) - before > 0;
  if (hooks !== 'none' && took !== redirect)
    throw new Error(`${path.name}: packets were ${took ? '' : 'not '}redirected`);
  for (const { pod, device } of pods) {
    removeRedirectEndpoints(kernel, pod);
    await deleteDevicePair(kernel, device.slot);
  }
}

const redirected = (kernel: KernelContext, slot: number): number =>
  Number(kernel.programs.counters.read(slot)[counterIndexByName.egressRedirectedPackets]);

const [env = 'native', rounds = '5', milliseconds = '100'] = process.argv.slice(2);
await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  { env, rounds: Number(rounds), milliseconds: Number(milliseconds) },
);
process.exit(0);
