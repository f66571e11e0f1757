import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { ObservePrograms } from '../server/bpf/observe-program.ts';
import { getLink } from '../server/netlink/link.ts';
import { NetlinkSocket } from '../server/netlink/socket.ts';
import { HostEndPrograms } from '../server/runtime/counting/host-end-programs.ts';
import {
  attachBenchPod,
  benchPinDirectory,
  createBenchNamespace,
  createBenchPodRecords,
  openBenchKernelContext,
} from './fixture.ts';
import { measureRatesByTurns } from './rates-by-turns.ts';
import { type BenchReporter, createJsonLinesReporter } from './report.ts';
import { BenchTrafficClient, startTrafficServer, type TrafficPlacement } from './traffic.ts';

const hostAddress = '10.42.0.1';
/**
 * CPUs of receiver and sender, and their real-time priority. The sender's CPU carries datagrams to the receiver's
 * socket.
 */
const [receiverCpu, senderCpu, realTime] = [0, 1, 10];
const alone = availableParallelism() === 1;
const receiver: TrafficPlacement = alone ? {} : { cpu: receiverCpu, priority: realTime };
const sender: TrafficPlacement = alone ? {} : { cpu: senderCpu, priority: realTime };

interface Rounds {
  env: string;
  rounds: number;
  milliseconds: number;
}

/** Compares Podlane's programs on its own pods, only counting and full, with none. */
async function measureOwn(report: BenchReporter, rounds: Rounds): Promise<void> {
  const kernel = await openBenchKernelContext();
  const { programs } = kernel;
  const place = async (number: number) => {
    const placed = createBenchPodRecords({
      number,
      netns: createBenchNamespace(String(number)),
      kind: 'veth',
      hooks: 'tcx',
    });
    await attachBenchPod(kernel, placed);
    const { slot } = placed.device;
    return { netns: placed.pod.netnsPath, slot, entry: programs.readSlot(slot)! };
  };
  const [from, to] = [await place(0), await place(1)];
  execFileSync('ip', ['address', 'add', `${hostAddress}/32`, 'dev', 'lo']);
  using _host = await startTrafficServer(receiver);
  using _pod = await startTrafficServer({ ...receiver, netns: to.netns });
  using toHost = new BenchTrafficClient({ ...sender, netns: from.netns }, 'udp', hostAddress);
  using toPod = new BenchTrafficClient({ ...sender, netns: from.netns }, 'udp', '10.42.0.3');

  await measureRatesByTurns<'counting' | 'full'>(report, {
    ...rounds,
    variants: ['counting', 'full', 'off'],
    paths: [
      { name: 'pod-host', client: toHost },
      { name: 'pod-pod', client: toPod },
    ],
    async switchTo(variant) {
      for (const { slot, entry } of [from, to]) {
        if (variant === 'off') {
          await programs.detach(slot);
          continue;
        }
        programs.setSlot(slot, variant === 'full' ? entry : { ...entry, check: false, redirect: false });
        await programs.attach('tcx/egress', slot);
        await programs.attach('tcx/ingress', slot);
      }
    },
    counted: () => Number(programs.counters.read(from.slot)[0]),
  });
}

/** Compares the programs that count packets of others' pods with none, on veth pairs as others make them. */
async function measureObserved(report: BenchReporter, rounds: Rounds): Promise<void> {
  const host = NetlinkSocket.open();
  const programs = await ObservePrograms.open(benchPinDirectory);
  const counting = new HostEndPrograms(programs, host, 'tcx');
  const place = async (number: number) => {
    const netns = createBenchNamespace(`other-${number}`);
    const [hostEnd, address, gateway] = [`other${number}`, `10.43.${number}.2`, `10.43.${number}.1`];
    const ip = (words: string, inside = false): void =>
      void execFileSync('ip', [...(inside ? ['-n', `bench-other-${number}`] : []), ...words.split(' ')]);
    ip(`link add ${hostEnd} type veth peer name eth0 netns bench-other-${number}`);
    ip(`address add ${gateway}/24 dev ${hostEnd}`);
    ip(`link set ${hostEnd} up`);
    ip(`address add ${address}/24 dev eth0`, true);
    ip('link set eth0 up', true);
    ip(`route add default via ${gateway}`, true);
    const link = (await getLink(host, { name: hostEnd }))!;
    return { netns, address, end: { ifindex: link.ifindex, link } };
  };
  const [from, to] = [await place(0), await place(1)];
  execFileSync('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  using _host = await startTrafficServer(receiver);
  using _pod = await startTrafficServer({ ...receiver, netns: to.netns });
  using toHost = new BenchTrafficClient({ ...sender, netns: from.netns }, 'udp', '10.43.0.1');
  using toPod = new BenchTrafficClient({ ...sender, netns: from.netns }, 'udp', to.address);

  await measureRatesByTurns<'observed'>(report, {
    ...rounds,
    variants: ['observed', 'off'],
    paths: [
      { name: 'pod-host', client: toHost },
      { name: 'pod-pod', client: toPod },
    ],
    async switchTo(variant) {
      for (const { end } of [from, to])
        if (variant === 'off') await counting.detach(end.ifindex);
        else await counting.attach(end);
    },
    counted: () => Number(programs.read().get(from.end.ifindex)?.egressPackets ?? 0n),
  });
}

const [whose = 'own', env = 'native', rounds = '60', milliseconds = '60'] = process.argv.slice(2);
await (whose === 'own' ? measureOwn : measureObserved)(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  { env, rounds: Number(rounds), milliseconds: Number(milliseconds) },
);
process.exit(0);
