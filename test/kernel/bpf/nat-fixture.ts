import { execFileSync } from 'node:child_process';
import { counterIndexByName } from '../../../server/bpf/counter-layout.ts';
import { Agent } from './agent.ts';
import { ConversationEnd } from './conversation.ts';
import { entryOf, type FixturePod, NodeFixture, type PodDevice } from './node-fixture.ts';

/** Address of the service of each family, port 80, whose backend is the second pod's port 8080. */
export const services = { IPv4: '10.96.0.1', IPv6: 'fd96::1' } as const;
/** Addresses of the node. */
export const nodeAddresses = { IPv4: '192.0.2.1', IPv6: 'fd02::1' } as const;
export const addressOf = {
  IPv4: (pod: FixturePod) => pod.address4,
  IPv6: (pod: FixturePod) => pod.address6,
} as const;
export const families = ['IPv4', 'IPv6'] as const;

/** Formats the rules of services as kube-proxy has them in nftables. */
const nftServices = (b: FixturePod): string => `
table inet services {
  chain pre { type nat hook prerouting priority -100;
    ip daddr ${services.IPv4} meta l4proto { tcp, udp, sctp } th dport 80 dnat ip to ${b.address4}:8080
    ip6 daddr ${services.IPv6} meta l4proto { tcp, udp, sctp } th dport 80 dnat ip6 to [${b.address6}]:8080
    ip daddr ${services.IPv4} meta l4proto { tcp, udp } th dport 81 dnat ip to ${b.address4}:9999
    ip6 daddr ${services.IPv6} meta l4proto { tcp, udp } th dport 81 dnat ip6 to [${b.address6}]:9999
    ip daddr ${services.IPv4} udp dport 53 dnat ip to ${b.address4}:53
    ip6 daddr ${services.IPv6} udp dport 53 dnat ip6 to [${b.address6}]:53
    ip daddr ${services.IPv4} icmp type echo-request dnat ip to ${b.address4}
    ip6 daddr ${services.IPv6} icmpv6 type echo-request dnat ip6 to ${b.address6}
    ip daddr ${nodeAddresses.IPv4} meta l4proto { tcp, udp } th dport 8081 dnat ip to ${b.address4}:8080
    ip6 daddr ${nodeAddresses.IPv6} meta l4proto { tcp, udp } th dport 8081 dnat ip6 to [${b.address6}]:8080
  }
  chain post { type nat hook postrouting priority 100;
    ip saddr ${b.address4} ip daddr ${b.address4} masquerade
    ip6 saddr ${b.address6} ip6 daddr ${b.address6} masquerade
  }
}`;

/** Two pods whose programs redirect, with a server in the second one, and a host that translates addresses. */
export class NatFixture implements AsyncDisposable {
  readonly node = new NodeFixture();
  readonly agent = new Agent(this.node);
  readonly a: FixturePod;
  readonly b: FixturePod;
  readonly client: ConversationEnd;
  readonly server: ConversationEnd;

  private constructor(from: PodDevice, to: PodDevice) {
    this.a = this.node.addPod(1, from);
    this.b = this.node.addPod(2, to);
    this.client = new ConversationEnd(this.a.netns);
    this.server = new ConversationEnd(this.b.netns);
  }

  static async open(from: PodDevice, to: PodDevice): Promise<NatFixture> {
    const fixture = new NatFixture(from, to);
    const { node, agent, a, b } = fixture;
    // What translates addresses is there first, as are the modules that it needs: an agent would follow what comes later.
    fixture.nft('table inet services { chain pre { type nat hook prerouting priority -100; }; }');
    await agent.open();
    // Masquerading needs an address of the host that a pod has a route to.
    node.in(node.host, 'ip link set lo up');
    node.in(node.host, `ip address add ${nodeAddresses.IPv4}/32 dev lo`);
    node.in(node.host, `ip address add ${nodeAddresses.IPv6}/128 dev lo nodad`);
    await fixture.setRedirect(true);
    for (const pod of [a, b]) {
      for (const address of [pod.address4, pod.address6])
        await agent.setEndpoint(address, { slot: pod.slot, owner: pod.slot });
      await agent.attachBoth(pod.slot, pod.device.hooks);
    }
    for (const family of families) await fixture.server.serve(addressOf[family](b), 8080, 'backend');
    fixture.nft(nftServices(b));
    return fixture;
  }

  /** Whether packets that the pods send are redirected. */
  async setRedirect(redirect: boolean): Promise<void> {
    for (const pod of [this.a, this.b]) await this.agent.setSlot(pod.slot, entryOf(pod, redirect));
  }

  nft(text: string): void {
    execFileSync('nsenter', [`--net=${this.node.host}`, 'nft', '-f', '-'], { input: text });
  }

  async clear(): Promise<void> {
    for (const pod of [this.a, this.b]) await this.agent.clear(pod.slot);
  }

  async redirected(pod: FixturePod): Promise<bigint> {
    return (await this.agent.read(pod.slot))[counterIndexByName.egressRedirectedPackets]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    this.server[Symbol.dispose]();
    await this.agent.kill();
    this.node[Symbol.dispose]();
  }
}
