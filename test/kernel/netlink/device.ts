import { setLink } from '../../../server/netlink/link.ts';
import { addVeth } from '../../../server/netlink/veth.ts';
import type { TestNamespace } from './namespaces.ts';

export const primary = 1_048_576;
export const peer = 1_048_577;
export const macs = { primary: '02:50:4c:10:00:00', peer: '02:50:4c:10:00:01' };
export const names = (ifindex: number) => ({ [primary]: 'pl0', [peer]: 'eth0' })[ifindex];

/** A veth device as a pod gets it, both ends up. */
export async function device(host: TestNamespace, pod: TestNamespace): Promise<void> {
  await addVeth(host.socket, {
    primary: { name: 'pl0', ifindex: primary, mtu: 1400, mac: macs.primary, up: true },
    peer: { name: 'eth0', ifindex: peer, mtu: 1400, mac: macs.peer, netnsFd: pod.fd },
  });
  await setLink(pod.socket, peer, { up: true });
}

/** Lines as `ip` prints them, without the spaces it puts at their ends; a multipath route is on several. */
export const outputLines = (output: string): string[] =>
  output
    .replaceAll(/\n\t/g, '')
    .split('\n')
    .map((line) => line.trim().replaceAll(/\s+/g, ' '))
    .filter((line) => line !== '');
