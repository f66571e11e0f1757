import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { peerIfindex, primaryIfindex } from '../../../server/bpf/layout.ts';
import { removePinDirectory } from '../../../server/bpf/pin.ts';
import { withNamespace } from '../../../server/netlink/namespace.ts';
import { PacketSocket } from './packet-socket.ts';

export const hostAddress = '169.254.1.1';
export const podAddress = '10.42.0.2';
export const hostMac = '02:70:6c:00:00:01';
export const podMac = '02:70:6c:00:00:02';

const run = (command: string, ...words: string[]): void => {
  execFileSync(command, words, { stdio: ['ignore', 'ignore', 'inherit'] });
};

/**
 * Two namespaces of the test's own, host and pod, and a pin directory. IPv6 is off in both and neighbours are
 * permanent, so that only what the test sends is counted.
 */
export class Stage implements Disposable {
  readonly name = `podlane-t-${randomBytes(3).toString('hex')}`;
  readonly pins = `/sys/fs/bpf/${this.name}`;
  readonly host = `/run/netns/${this.name}-host`;
  readonly pod = `/run/netns/${this.name}-pod`;

  constructor() {
    for (const end of ['host', 'pod']) {
      run('ip', 'netns', 'add', `${this.name}-${end}`);
      this.in(end === 'host' ? this.host : this.pod, 'sysctl', '-q', 'net.ipv6.conf.default.disable_ipv6=1');
    }
  }

  in(namespace: string, ...words: string[]): void {
    run('nsenter', `--net=${namespace}`, ...words);
  }

  /** A veth of this slot, up, with addresses, between host and pod. */
  addVeth(slot: number): void {
    const [primary, peer] = [`pl${slot}`, `eth${slot}`];
    const at = (words: string): string[] => words.split(' ');
    this.in(
      this.host,
      ...at(
        `ip link add ${primary} index ${primaryIfindex(slot)} address ${hostMac} type veth peer name ${peer}`,
      ),
      ...at(`index ${peerIfindex(slot)} address ${podMac} netns ${this.name}-pod`),
    );
    this.in(this.host, ...at(`ip link set ${primary} up`));
    this.in(this.pod, ...at(`ip link set ${peer} up`));
    this.in(this.host, ...at(`ip address add ${hostAddress}/32 peer ${podAddress} dev ${primary}`));
    this.in(this.pod, ...at(`ip address add ${podAddress}/32 peer ${hostAddress} dev ${peer}`));
    this.in(this.host, ...at(`ip neighbour replace ${podAddress} lladdr ${podMac} dev ${primary}`));
    this.in(this.pod, ...at(`ip neighbour replace ${hostAddress} lladdr ${hostMac} dev ${peer}`));
  }

  removeDevice(slot: number): void {
    this.in(this.host, 'ip', 'link', 'delete', `pl${slot}`);
  }

  /** Sends frames as they are from the pod's end of the slot. */
  packetsFromPod(slot: number): PacketSocket {
    return this.#packetSocket(this.pod, peerIfindex(slot));
  }

  /** Sends frames as they are from the host's end of the slot. */
  packetsToPod(slot: number): PacketSocket {
    return this.#packetSocket(this.host, primaryIfindex(slot));
  }

  #packetSocket(namespace: string, ifindex: number): PacketSocket {
    const fd = openSync(namespace, 'r');
    try {
      return withNamespace(fd, () => new PacketSocket(ifindex));
    } finally {
      closeSync(fd);
    }
  }

  [Symbol.dispose](): void {
    removePinDirectory(this.pins);
    for (const end of ['host', 'pod']) run('ip', 'netns', 'delete', `${this.name}-${end}`);
  }
}
