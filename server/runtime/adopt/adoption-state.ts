import type { Adoption } from '../../../contract/adoption.ts';
import { isIpv6Text } from '../../../contract/cidr.ts';
import { anyEthertype } from '../../../contract/ethertypes.ts';
import type { PodNetwork } from '../../../contract/pod-network.ts';
import { countQueues } from '../../datapath/network-state/count-queues.ts';
import { readQueueSettings } from '../../kernel/interface-queues.ts';
import type { NetworkNamespace } from '../../kernel/netns.ts';
import { findFilterQdiscKind } from '../../netlink/clsact.ts';
import { listLinks } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { listRoutes } from '../../netlink/route.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import type { ObservedInterface } from '../observed-pod.ts';
import { type DeviceForm, readDeviceForm } from './device-form.ts';

/** How an observed pod is connected now, by which it is planned and kept. */
export interface AdoptionState {
  form: DeviceForm;
  bridge: string | null;
  /** Its addresses, each alone: /32, or /128 for IPv6. */
  addresses: string[];
  /** Next hops of its default routes. */
  gateways: string[];
  /** Its device, if that is one of which both ends are known and have MACs. */
  device: Adoption['device'] | null;
  network: (Omit<PodNetwork, 'netkit'> & { netkit: { mode: 'l2' | 'l3' } }) | null;
  /** Further interfaces of its namespace that are up, whatever they lead to. */
  others: NetworkLink[];
}

/** What of an interface tells how it is connected. */
type ConnectedInterface = Pick<ObservedInterface, 'name' | 'ifindex' | 'link' | 'addresses' | 'hostEnd'>;

/** Reads how an observed pod is connected. */
export async function readAdoptionState(
  host: NetlinkSocket,
  namespace: NetworkNamespace,
  { interfaces }: { interfaces: readonly ConnectedInterface[] },
): Promise<AdoptionState> {
  using socket = NetlinkSocket.inNamespace(namespace.fd);
  const links = await listLinks(socket);
  const [first] = interfaces;
  const routes = await listRoutes(socket);
  const gateways = [
    ...new Set(
      routes.flatMap(({ destination, gateway }) => (destination === 'default' && gateway ? gateway : [])),
    ),
  ];
  const others = links.filter(({ ifindex, name, up }) => up && name !== 'lo' && ifindex !== first?.ifindex);
  const none = { bridge: null, addresses: [], gateways, device: null, network: null, others };
  if (first === undefined) return { ...none, form: { form: null, detail: 'it has no interface' } };
  const addresses = first.addresses.map(toSingleAddress);
  const { hostEnd, link } = first;
  if (hostEnd === null)
    return {
      ...none,
      addresses,
      form: { form: null, detail: `${first.name} has no other end in the node's namespace` },
    };
  const form = await readDeviceForm(host, first, hostEnd);
  const bridge = hostEnd.bridge?.name ?? null;
  if (hostEnd.link.mac === null || link.mac === null) return { ...none, addresses, bridge, form };
  const queues = [readQueueSettings(hostEnd.name), readQueueSettings(first.name, namespace.fd)].map(
    countQueues,
  );
  return {
    form,
    bridge,
    addresses,
    gateways,
    others,
    device: {
      primary: { name: hostEnd.name, ifindex: hostEnd.ifindex, mac: hostEnd.link.mac },
      peer: { name: first.name, ifindex: first.ifindex, mac: link.mac },
      clsact: (await findFilterQdiscKind(host, hostEnd.ifindex)) !== null,
      queues: { primary: queues[0] ?? oneQueue, peer: queues[1] ?? oneQueue },
    },
    network: {
      addresses,
      routes: [],
      interface: first.name,
      mtu: link.mtu,
      // A bridge takes no port without a link-layer address.
      netkit: { mode: form.form === 'bridged' ? 'l2' : 'l3' },
      // Nobody has checked its packets until now.
      checks: { source: 'off', sourcePrefixes: [], ethertypes: [anyEthertype] },
      macs: { primary: hostEnd.link.mac, peer: link.mac },
    },
  };
}

const oneQueue = { transmit: 1, receive: 1 };

const toSingleAddress = (cidr: string): string =>
  `${cidr.split('/', 1).join('')}/${isIpv6Text(cidr) ? 128 : 32}`;
