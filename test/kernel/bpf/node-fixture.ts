import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { DeviceKind } from '../../../contract/device.ts';
import {
  type SlotEntry,
  slotToPeerIfindex,
  slotToPrimaryIfindex,
} from '../../../server/bpf/datapath-structs.ts';
import { removePinDirectory } from '../../../server/bpf/pin.ts';
import { countingHooks } from '../../../server/datapath/device/podlane-programs.ts';
import { writeSysctl } from '../../../server/kernel/sysctl.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { run, within } from './namespaces.ts';
import { PacketSocket } from './packet-socket.ts';

/** Hooks of our programs by direction, seen from the pod. */
export const hooksOf = {
  netkit: { egress: 'netkit/peer', ingress: 'netkit/primary' },
  tcx: { egress: 'tcx/ingress', ingress: 'tcx/egress' },
  tc: { egress: 'tc/ingress', ingress: 'tc/egress' },
} as const;

/** A pod's device and the family of hooks that our programs are attached to. */
export interface PodDevice {
  kind: DeviceKind;
  mode?: 'l2' | 'l3';
  hooks: keyof typeof hooksOf;
}

export interface FixturePod {
  slot: number;
  device: PodDevice;
  netns: string;
  address4: string;
  address6: string;
  /** Towards the pod: the peer's and the primary's; null on netkit L3. */
  macs: { toPod: string; fromPod: string } | null;
}

const gateway4 = '169.254.1.1';
const gateway6 = 'fe80::1';

/** A node of the test's own: a host namespace and pods on it, both families, neighbors permanent. */
export class NodeFixture implements Disposable {
  readonly name = `podlane-t-${randomBytes(3).toString('hex')}`;
  readonly pins = `/sys/fs/bpf/${this.name}`;
  readonly host = `/run/netns/${this.name}-host`;
  readonly #namespaces: string[] = [];

  constructor() {
    this.addNamespace('host');
    this.forward(true);
  }

  /** Adds a namespace that goes with the fixture. @returns its path */
  addNamespace(end: string): string {
    run('ip', 'netns', 'add', `${this.name}-${end}`);
    this.#namespaces.push(end);
    const path = `/run/netns/${this.name}-${end}`;
    within(path, (fd) => {
      for (const [key, value] of Object.entries({ accept_dad: 0, accept_ra: 0, addr_gen_mode: 1 }))
        writeSysctl(`net/ipv6/conf/default/${key}`, value, fd);
    });
    return path;
  }

  /** Whether the host's stack passes packets on: where it does not, only a redirect gets through. */
  forward(on: boolean): void {
    within(this.host, (fd) => {
      writeSysctl('net/ipv4/ip_forward', on ? 1 : 0, fd);
      writeSysctl('net/ipv6/conf/all/forwarding', on ? 1 : 0, fd);
    });
  }

  /** Runs a command in a namespace. @returns its output and exit code */
  in(netns: string, args: string): { output: string; code: number } {
    const done = spawnSync('nsenter', [`--net=${netns}`, ...args.split(' ')], { encoding: 'utf8' });
    return { output: done.stdout + done.stderr, code: done.status ?? -1 };
  }

  #must(netns: string, args: string): void {
    const { output, code } = this.in(netns, args);
    if (code !== 0) throw new Error(`${args}: ${output}`);
  }

  addPod(slot: number, device: PodDevice): FixturePod {
    const netns = this.addNamespace(`pod${slot}`);
    const l3 = device.kind === 'netkit' && device.mode !== 'l2';
    const macs = l3 ? null : { toPod: `02:70:6c:00:01:0${slot}`, fromPod: `02:70:6c:00:00:0${slot}` };
    const pod = { slot, device, netns, macs, address4: `10.42.0.${slot}`, address6: `fd00::${slot}` };
    const [primary, peer] = [`pl${slot}`, 'eth0'];
    const ofHost = `index ${slotToPrimaryIfindex(slot)}${macs ? ` address ${macs.fromPod}` : ''}`;
    const ofPod = `index ${slotToPeerIfindex(slot)} netns ${this.name}-pod${slot}${macs ? ` address ${macs.toPod}` : ''}`;
    const type =
      device.kind === 'veth'
        ? 'veth peer'
        : `netkit mode ${device.mode ?? 'l3'} forward peer ${device.hooks === 'netkit' ? 'blackhole' : 'forward'}`;
    this.#must(this.host, `ip link add ${primary} ${ofHost} type ${type} name ${peer} ${ofPod}`);
    this.#must(this.host, `ip link set ${primary} up`);
    this.#must(netns, `ip link set lo up`);
    this.#must(netns, `ip link set ${peer} up`);
    this.#must(this.host, `ip address add ${gateway4}/32 dev ${primary}`);
    this.#must(this.host, `ip address add ${gateway6}/64 dev ${primary} nodad`);
    this.#must(netns, `ip address add ${pod.address4}/32 dev ${peer}`);
    this.#must(netns, `ip address add ${pod.address6}/128 dev ${peer} nodad`);
    for (const address of [pod.address4, pod.address6]) {
      this.#must(this.host, `ip route add ${address} dev ${primary}`);
      if (macs) this.#must(this.host, `ip neighbor replace ${address} lladdr ${macs.toPod} dev ${primary}`);
    }
    this.#must(netns, `ip route add default via ${gateway4} dev ${peer} onlink`);
    this.#must(netns, `ip -6 route add default via ${gateway6} dev ${peer}`);
    if (macs)
      for (const gateway of [gateway4, gateway6])
        this.#must(netns, `ip neighbor replace ${gateway} lladdr ${macs.fromPod} dev ${peer}`);
    return pod;
  }

  setPrimaryMtu({ slot }: FixturePod, mtu: number): void {
    this.#must(this.host, `ip link set pl${slot} mtu ${mtu}`);
  }

  /** Both ends. */
  setMtu(pod: FixturePod, mtu: number): void {
    this.setPrimaryMtu(pod, mtu);
    this.#must(pod.netns, `ip link set eth0 mtu ${mtu}`);
  }

  removeDevice({ slot }: FixturePod): void {
    this.#must(this.host, `ip link delete pl${slot}`);
  }

  /** Sends and receives whole frames at the pod's end. */
  frames(pod: FixturePod): PacketSocket {
    return within(pod.netns, (fd) =>
      runInNetworkNamespace(fd, () => new PacketSocket(slotToPeerIfindex(pod.slot), allProtocols)),
    );
  }

  [Symbol.dispose](): void {
    removePinDirectory(this.pins);
    for (const end of this.#namespaces) run('ip', 'netns', 'delete', `${this.name}-${end}`);
  }
}

const allProtocols = 3;

/** The slot of a staged pod, as the agent would set it: its number is the slot's, from 1. */
export const entryOf = (pod: FixturePod, redirect = true): SlotEntry => ({
  owner: pod.slot,
  address4: pod.address4,
  address6: pod.address6,
  hooks: countingHooks[pod.device.hooks],
  redirect,
  macs: pod.macs,
});
