import { randomBytes } from 'node:crypto';
import type { DeviceKind } from '../../../contract/device.ts';
import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../../server/bpf/datapath-structs.ts';
import { removePinDirectory } from '../../../server/bpf/pin.ts';
import { writeSysctl } from '../../../server/kernel/sysctl.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { run, within } from './namespaces.ts';
import { PacketSocket } from './packet-socket.ts';

export const hostAddress = '169.254.1.1';
export const podAddress = '10.42.0.2';
export const hostMac = '02:70:6c:00:00:01';
export const podMac = '02:70:6c:00:00:02';

/**
 * Two namespaces of the test's own, host and pod, and a pin directory. IPv6 is off in both and neighbors are
 * permanent, so that only what the test sends is counted.
 */
export class DeviceFixture implements Disposable {
  readonly name = `podlane-t-${randomBytes(3).toString('hex')}`;
  readonly pins = `/sys/fs/bpf/${this.name}`;
  readonly host = `/run/netns/${this.name}-host`;
  readonly pod = `/run/netns/${this.name}-pod`;

  constructor() {
    for (const end of ['host', 'pod']) run('ip', 'netns', 'add', `${this.name}-${end}`);
    for (const namespace of [this.host, this.pod])
      within(namespace, (fd) => writeSysctl('net/ipv6/conf/default/disable_ipv6', 1, fd));
  }

  in(namespace: string, ...args: string[]): void {
    run('nsenter', `--net=${namespace}`, ...args);
  }

  /** A device of this slot, up, with addresses, between host and pod. `peerPolicy` is for netkit only. */
  addDevice(kind: DeviceKind, slot: number, peerPolicy: 'blackhole' | 'forward' = 'blackhole'): void {
    const [primary, peer] = [`pl${slot}`, `eth${slot}`];
    const [host, pod] = [slotToPrimaryIfindex(slot), slotToPeerIfindex(slot)];
    const at = (namespace: string, args: string): void => this.in(namespace, ...args.split(' '));
    const peerWords = `${peer} index ${pod} netns ${this.name}-pod`;
    if (kind === 'veth')
      at(
        this.host,
        `ip link add ${primary} index ${host} address ${hostMac} type veth peer name ${peerWords} address ${podMac}`,
      );
    else
      at(
        this.host,
        `ip link add ${primary} index ${host} type netkit mode l3 peer ${peerPolicy} name ${peerWords}`,
      );
    at(this.host, `ip link set ${primary} up`);
    at(this.pod, `ip link set ${peer} up`);
    at(this.host, `ip address add ${hostAddress}/32 peer ${podAddress} dev ${primary}`);
    at(this.pod, `ip address add ${podAddress}/32 peer ${hostAddress} dev ${peer}`);
    if (kind === 'netkit') return;
    at(this.host, `ip neighbor replace ${podAddress} lladdr ${podMac} dev ${primary}`);
    at(this.pod, `ip neighbor replace ${hostAddress} lladdr ${hostMac} dev ${peer}`);
  }

  removeDevice(slot: number): void {
    this.in(this.host, 'ip', 'link', 'delete', `pl${slot}`);
  }

  /** Sends frames as they are from the pod's end of the slot; `protocol`: as `PacketSocket`. */
  packetsFromPod(slot: number, protocol = 0): PacketSocket {
    return this.#packetSocket(this.pod, slotToPeerIfindex(slot), protocol);
  }

  /** Sends frames as they are from the host's end of the slot. */
  packetsToPod(slot: number): PacketSocket {
    return this.#packetSocket(this.host, slotToPrimaryIfindex(slot), 0);
  }

  #packetSocket(namespace: string, ifindex: number, protocol: number): PacketSocket {
    return within(namespace, (fd) => runInNetworkNamespace(fd, () => new PacketSocket(ifindex, protocol)));
  }

  [Symbol.dispose](): void {
    removePinDirectory(this.pins);
    for (const end of ['host', 'pod']) run('ip', 'netns', 'delete', `${this.name}-${end}`);
  }
}
