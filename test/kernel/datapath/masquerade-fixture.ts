import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { listConntrackEntries } from '../../../server/netlink/conntrack.ts';
import { conntrackStatus, cta } from '../../../server/netlink/conntrack-attributes.ts';
import { formatConntrackEntry } from '../../../server/netlink/conntrack-entry.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import {
  formatAddressLines as address,
  linkAddresses as addresses,
  formatLinkLines,
  formatNodePortChains,
  nodePort,
  nodePortPod,
} from '../../testbed/node-port.ts';
import { type TestNamespace, testNamespace } from '../netlink/namespaces.ts';

export { addresses, nodePort };

export type Side = 'host' | 'pod';
export type Family = 'ipv4' | 'ipv6';

export const podAddresses = [`${nodePortPod.ipv4}/32`, `${nodePortPod.ipv6}/128`];

/** A host with a pod on two devices, of which routes use the first; beyond it a machine outside, behind the pod a nested network. */
export class MasqueradeFixture implements Disposable {
  readonly host = testNamespace();
  readonly pod = testNamespace();
  readonly outside = testNamespace();
  readonly nested = testNamespace();

  constructor() {
    const { host, pod, outside, nested } = this;
    for (const { fd } of [host, pod, outside, nested]) setSysctls(fd);
    const link = formatLinkLines(outside.name);
    host.batch([
      'link set lo up',
      ...link.host,
      `link add plA type veth peer name eth0 netns ${pod.name}`,
      `link add plB type veth peer name eth1 netns ${pod.name}`,
      ...address('plA', '10.42.0.1/32', 'fd42::1/128'),
      ...address('plB', '10.42.0.1/32', 'fd42::1/128'),
      'route add 10.42.0.2 dev plA',
      'route add fd42::2 dev plA',
    ]);
    outside.batch(link.outside);
    pod.batch([
      'link set lo up',
      ...address('eth0', '10.42.0.2/32', 'fd42::2/128'),
      ...address('eth1', '10.42.0.2/32', 'fd42::2/128'),
      'route add default via 10.42.0.1 dev eth0 onlink',
      'route add default via fd42::1 dev eth0 onlink',
      `link add q0 type veth peer name q1 netns ${nested.name}`,
      ...address('q0', '10.77.0.1/24', 'fd77::1/64'),
    ]);
    nested.batch([
      ...address('q1', '10.77.0.2/24', 'fd77::2/64'),
      'route add default via 10.77.0.1',
      'route add default via fd77::1',
    ]);
  }

  /** Loads rules that translate the sources of connections to the pod's port (host) or from behind the pod (pod). */
  translate(side: Side, nat: string): void {
    const translated = (family: Family): string =>
      nat.startsWith('snat')
        ? nat.replace('snat', `snat ${family === 'ipv4' ? 'ip to' : 'ip6 to'} ${this.#source(side, family)}`)
        : nat;
    const marks = 'chain marks { type filter hook forward priority 0; ct mark set 77; ct label set 5; }';
    if (side === 'pod')
      nft(
        this.pod,
        `table inet t { ${marks}
          chain post { type nat hook postrouting priority 100;
            oifname "eth*" ip saddr 10.77.0.0/24 ${translated('ipv4')}
            oifname "eth*" ip6 saddr fd77::/64 ${translated('ipv6')}
          }
        }`,
      );
    else
      nft(
        this.host,
        `table inet t { ${marks}
          ${formatNodePortChains({ ipv4: translated('ipv4'), ipv6: translated('ipv6') })}
        }`,
      );
  }

  #source(side: Side, family: Family): string {
    if (side === 'host') return addresses[family].host;
    return family === 'ipv4' ? '10.42.0.2' : 'fd42::2';
  }

  /** Moves the routes to the second device, then deletes the first. */
  moveRoutes(): void {
    this.pod.batch([
      'route replace default via 10.42.0.1 dev eth1 onlink',
      'route replace default via fd42::1 dev eth1 onlink',
    ]);
    this.host.batch(['route replace 10.42.0.2 dev plB', 'route replace fd42::2 dev plB']);
  }

  deleteFirstDevice(): void {
    this.host.ip('link', 'delete', 'plA');
  }

  /** Returns how many datagrams found the queue of their socket full, in all namespaces. */
  countOverflows(): number {
    const counts = [this.host, this.pod, this.outside, this.nested].flatMap(({ name }) => {
      const text = execFileSync('ip', ['netns', 'exec', name, 'cat', '/proc/net/snmp', '/proc/net/snmp6'], {
        encoding: 'utf8',
      });
      const [titles = [], values = []] = [...text.matchAll(/^Udp: (.*)$/gm)].map(([, line]) =>
        line!.split(' '),
      );
      return [values[titles.indexOf('RcvbufErrors')], /^Udp6RcvbufErrors\s+(\d+)$/m.exec(text)?.[1]];
    });
    return counts.reduce((sum, each) => sum + Number(each), 0);
  }

  namespaceOf(side: Side): TestNamespace {
    return side === 'host' ? this.host : this.pod;
  }

  [Symbol.dispose](): void {
    for (const each of [this.nested, this.outside, this.pod, this.host]) each[Symbol.dispose]();
  }
}

const setSysctls = (fd: number): void =>
  runInNetworkNamespace(fd, () => {
    for (const path of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'])
      writeFileSync(`/proc/sys/net/${path}`, '1');
    for (const path of [
      'ipv4/conf/all/rp_filter',
      'ipv4/conf/default/rp_filter',
      'ipv6/conf/all/accept_dad',
      'ipv6/conf/default/accept_dad',
    ])
      writeFileSync(`/proc/sys/net/${path}`, '0');
  });

/** Runs `nft -f` (Debian package nftables) in a namespace. */
export const nft = ({ name }: Pick<TestNamespace, 'name'>, rules: string): string =>
  execFileSync('ip', ['netns', 'exec', name, 'nft', '-f', '-'], { input: rules, encoding: 'utf8' });

/** What of each translated entry has to stay the same. */
export async function readTranslated({ fd }: Pick<TestNamespace, 'fd'>): Promise<string[]> {
  using socket = NetlinkSocket.inNamespace(fd, 'netfilter');
  const { entries } = await listConntrackEntries(socket, { status: conntrackStatus.sourceNat });
  return entries
    .map((entry) => {
      const labels = entry.attributes.get(cta.labels)?.toString('hex') ?? '';
      return `${formatConntrackEntry(entry)} status ${entry.status.toString(16)} mark ${entry.mark} labels ${labels}`;
    })
    .sort();
}

/** Waits until all translated entries are ASSURED (0x4), which those of UDP are after 2 s, and returns them. */
export async function readAssured(namespace: Pick<TestNamespace, 'fd'>, count: number): Promise<string[]> {
  let entries: string[] = [];
  const assured = async (): Promise<number> => {
    entries = await readTranslated(namespace);
    return entries.filter((text) => / status [0-9a-f]*[4-7c-f] /.test(text)).length;
  };
  await expect.poll(assured, { timeout: 30_000, interval: 200 }).toBe(count);
  return entries;
}
