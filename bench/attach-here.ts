import { rmSync } from 'node:fs';
import type { DeviceKind } from '../contract/device.ts';
import { podNetwork } from '../contract/network.ts';
import { type DatapathPrograms, openDatapath } from '../server/bpf/datapath.ts';
import { connect, deviceRow } from '../server/datapath/attach.ts';
import type { PodRecord } from '../server/datapath/books.ts';
import { removeDevice } from '../server/datapath/device.ts';
import type { Ground } from '../server/datapath/ground.ts';
import { openPodNamespace } from '../server/datapath/pod-namespace.ts';
import { createNamedNamespace, openNamespace } from '../server/kernel/netns.ts';
import { RtnetlinkSocket } from '../server/netlink/socket.ts';
import { attachCommands, detachCommands, type Hooks, idle, linkPins, type Subject } from './batch.ts';
import { jsonLines, type Report, summary } from './report.ts';
import { Timed } from './timed.ts';

const pins = '/sys/fs/bpf/podlane';
const hooksOfKind: Record<DeviceKind, Hooks[]> = { veth: ['none', 'tc', 'tcx'], netkit: ['none', 'netkit'] };
const acts = ['attach', 'detach'] as const;
type Times = Record<(typeof acts)[number], number[]>;

interface Measure {
  env: string;
  kind: DeviceKind;
  rounds: number;
  /** in each round */
  pods: number;
}

/**
 * Attaches and detaches pods by what the agent does it with, and by iproute2 in batches: the same devices, MACs,
 * neighbours, addresses, routes and programs, in the same namespaces, by turns.
 */
async function measure(report: Report, { env, kind, rounds, pods }: Measure): Promise<void> {
  const programs = await openDatapath({ pins, maxSlots: 256 });
  const host = RtnetlinkSocket.open();
  const ground: Ground = { host, programs, capabilities: new Map(), primaryHooks: 'tcx', redirect: true };
  const netns = Array.from({ length: pods }, (_, i) => createNamedNamespace(`bench-${i}`));
  using timed = new Timed();

  for (const hooks of hooksOfKind[kind]) {
    const ourGround = hooks === 'none' ? { ...ground, programs: withoutHooks(programs) } : ground;
    const subjects = netns.map((path, i) => subject(path, i, kind, hooks));
    const [ours, theirs, starts]: Times[] = [noTimes(), noTimes(), noTimes()] as const;
    // The first round warms all up.
    for (let round = -1; round < rounds; round++) {
      const keep = (times: Times, act: keyof Times, ms: number): void =>
        void (round >= 0 && times[act].push(ms));
      for (const each of subjects) keep(ours!, 'attach', await spent(() => attach(ourGround, each)));
      for (const { device } of subjects)
        keep(ours!, 'detach', await spent(() => removeDevice(ourGround, device.slot)));
      for (const each of subjects) {
        const commands = attachCommands(each, hooks, pins);
        keep(theirs!, 'attach', await timed.run(commands));
        keep(starts!, 'attach', await timed.run(idle(commands)));
      }
      for (const each of subjects) {
        const commands = detachCommands(each);
        keep(theirs!, 'detach', await timed.run(commands));
        keep(starts!, 'detach', await timed.run(idle(commands)));
        for (const link of linkPins(pins, each)) rmSync(link, { force: true });
      }
    }
    for (const act of acts) {
      const our = summary(ours![act]);
      const peer = summary(theirs![act]).value;
      const compare = (name: string, peerValue: number): void => {
        const dimensions = { env, kind, programs: hooks };
        const against = { peer: name, peerValue, ratio: our.value / peerValue };
        report({ bench: 'attach', metric: `${act}_ms`, ...dimensions, ...our, unit: 'ms', ...against });
      };
      compare('ip-batch', peer);
      compare('ip-batch-less-starts', peer - summary(starts![act]).value);
    }
  }
}

async function attach(ground: Ground, { pod, device }: Subject): Promise<void> {
  using namespace = openPodNamespace(pod);
  await connect(ground, namespace, pod, device);
}

async function spent(act: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

const noTimes = (): Times => ({ attach: [], detach: [] });

function subject(netnsPath: string, number: number, kind: DeviceKind, hooks: Hooks): Subject {
  using namespace = openNamespace(netnsPath);
  const network = podNetwork.parse({ addresses: [`10.42.0.${number + 2}/32`] });
  const times = { createdAt: new Date(), removedAt: null };
  const names = { id: String(number), namespace: 'bench', name: `pod-${number}`, labels: {} };
  const pod: PodRecord = {
    ...names,
    number,
    netnsPath,
    netnsInode: namespace.inode,
    network,
    ...times,
    carried: [],
  };
  const usual = kind === 'netkit' ? 'netkit' : 'tcx';
  const row = deviceRow(pod, kind, hooks === 'none' ? usual : hooks, number);
  return { pod, device: { id: number, ...row, createdAt: times.createdAt } };
}

/** Our programs, attached to nothing: what is left is the device. */
const withoutHooks = (programs: DatapathPrograms): DatapathPrograms =>
  new Proxy(programs, {
    get(target, name) {
      if (name === 'attach') return async () => {};
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

const [env = 'native', kind = 'veth', rounds = '10', pods = '10'] = process.argv.slice(2);
await measure(
  jsonLines((text) => process.stdout.write(text)),
  { env, kind: kind as DeviceKind, rounds: Number(rounds), pods: Number(pods) },
);
process.exit(0);
