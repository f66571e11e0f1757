import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PodConnectionTable } from '../../../contract/connection-table.ts';
import type { DeviceKind } from '../../../contract/device.ts';
import type { Pod } from '../../../contract/pod.ts';
import type { RuleSetInput } from '../../../contract/rule-set.ts';
import type { RuleExplanation } from '../../../contract/rules.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { ConversationEnd } from '../bpf/conversation.ts';

/** `web` may reach `cart` alone, `cart` is reached from `web` alone. */
const rules: RuleSetInput = {
  name: 'shop',
  defaults: { ingress: 'allow', egress: 'allow' },
  rules: [
    ['web', 'egress', 'cart'],
    ['cart', 'ingress', 'web'],
  ].flatMap(([app, direction, peer]) =>
    (['allow', 'deny'] as const).map((action, priority) => ({
      name: `${app} ${direction} ${action}`,
      direction: direction as 'egress' | 'ingress',
      subject: { selector: { matchLabels: { app: app! } } },
      ...(action === 'allow' ? { peers: [{ pods: { matchLabels: { app: peer! } } }] } : {}),
      action,
      priority,
    })),
  ),
};

const addresses = {
  cart: ['10.42.0.2', 'fd42::2'],
  web: ['10.42.0.3', 'fd42::3'],
  job: ['10.42.0.4', 'fd42::4'],
} as const;
/** Services and node ports lead to port 8080 of `cart` or of `job`. */
const nat = `
table inet shop {
  chain pre { type nat hook prerouting priority -100;
    ip daddr 10.96.0.2 meta l4proto { tcp, udp } th dport 80 dnat ip to 10.42.0.2:8080
    ip daddr 10.96.0.4 meta l4proto { tcp, udp } th dport 80 dnat ip to 10.42.0.4:8080
    ip6 daddr fd96::2 meta l4proto { tcp, udp } th dport 80 dnat ip6 to [fd42::2]:8080
    ip6 daddr fd96::4 meta l4proto { tcp, udp } th dport 80 dnat ip6 to [fd42::4]:8080
    ip daddr 10.9.0.1 meta l4proto { tcp, udp } th dport 30080 dnat ip to 10.42.0.2:8080
    ip6 daddr fd09::1 meta l4proto { tcp, udp } th dport 30080 dnat ip6 to [fd42::2]:8080
  }
  chain post { type nat hook postrouting priority 100;
    ct original ip daddr 10.9.0.1 masquerade
    ct original ip6 daddr fd09::1 masquerade
  }
}`;

/** Tests that access rules see the ends of connections that the host's NAT hides, with pods of a kind. */
export function describeRealEnds(kind: DeviceKind): void {
  let node: TestNode;
  const pods: Partial<Record<keyof typeof addresses, Pod>> = {};
  const ends: Record<string, ConversationEnd> = {};

  beforeAll(async () => {
    node = await startTestNode();
    const outside = node.addNamespace('outside');
    for (const line of [
      'link add hx type veth peer name x0',
      'address add 10.9.0.1/24 dev hx',
      'address add fd09::1/64 dev hx nodad',
      'link set hx up',
    ])
      node.run(['ip', ...line.split(' ')]);
    node.run(['ip', 'link', 'set', 'x0', 'netns', outside.split('/').at(-1)!]);
    for (const line of [
      'address add 10.9.0.2/24 dev x0',
      'address add fd09::2/64 dev x0 nodad',
      'link set x0 up',
      'route add default via 10.9.0.1',
      '-6 route add default via fd09::1',
    ])
      node.run(['ip', ...line.split(' ')], outside);
    for (const [name, [four, six]] of Object.entries(addresses))
      pods[name as keyof typeof addresses] = await node.addPod(name, [`${four}/32`, `${six}/128`], {
        kind,
        labels: { app: name },
      });
    for (const name of ['cart', 'job'] as const) {
      const server = new ConversationEnd(pods[name]!.netns.path);
      for (const address of addresses[name]) await server.serve(address, 8080, name);
      ends[`${name} serving`] = server;
    }
    for (const name of ['cart', 'web', 'job'] as const)
      ends[name] = new ConversationEnd(pods[name]!.netns.path);
    ends.outside = new ConversationEnd(outside);
    ends.node = new ConversationEnd(node.host);
    execFileSync('nsenter', [`--net=${node.host}`, 'nft', '-f', '-'], { input: nat });
    await node.ask('PUT', '/rules', rules);
  }, 120_000);
  afterAll(async () => {
    for (const end of Object.values(ends)) end[Symbol.dispose]();
    await node?.[Symbol.asyncDispose]();
  });

  const families = {
    IPv4: { cart: '10.42.0.2', service: '10.96.0.2', otherService: '10.96.0.4', nodePort: '10.9.0.1' },
    IPv6: { cart: 'fd42::2', service: 'fd96::2', otherService: 'fd96::4', nodePort: 'fd09::1' },
  } as const;

  describe.each(Object.entries(families))('over %s', (_, at) => {
    test.each(['tcp', 'udp'] as const)(
      'rules hold for what a pod begins through a service: %s',
      async (protocol) => {
        expect(await ends.web!.ask(protocol, at.cart, 8080)).toBe('cart');
        expect(await ends.web!.ask(protocol, at.service, 80)).toBe('cart');
        expect(await ends.web!.ask(protocol, at.otherService, 80)).toBe('no answer');
        expect(await ends.job!.ask(protocol, at.service, 80)).toBe('no answer');
      },
    );

    test.each(['tcp', 'udp'] as const)('who is masqueraded is not the node: %s', async (protocol) => {
      expect(await ends.node!.ask(protocol, at.cart, 8080)).toBe('cart');
      for (const name of ['outside', 'job']) {
        expect(await ends[name]!.ask(protocol, at.cart, 8080)).toBe('no answer');
        expect(await ends[name]!.ask(protocol, at.nodePort, 30_080)).toBe('no answer');
      }
    });
  });

  test('explaining shows the real ends of connections that the host translates, by which rules decide', async () => {
    const explain = (source: string, destination: string, port: number) =>
      node.ask<RuleExplanation>('POST', '/rules/explain', { source, destination, protocol: 'tcp', port });
    const none = { connections: 0, real: null, others: 0 };
    // Without a connection nobody knows where the service leads, and its own address is denied.
    expect(await explain('shop.web', '10.96.0.9', 80)).toMatchObject({ verdict: 'deny', translation: none });
    expect(await ends.web!.ask('tcp', '10.96.0.2', 80)).toBe('cart');
    const real = { source: '10.42.0.3', destination: '10.42.0.2', port: 8080 };
    const translated = await explain('shop.web', '10.96.0.2', 80);
    expect(translated).toMatchObject({
      destination: '10.96.0.2',
      port: 80,
      verdict: 'allow',
      translation: { real, others: 0 },
      egress: { pod: { name: 'web' }, rule: 'web egress allow' },
      ingress: { pod: { name: 'cart' }, rule: 'cart ingress allow' },
    });
    expect(translated.translation!.connections).toBeGreaterThan(0);
    // A masqueraded connection is explained by who began it, though its packets have the node's address. What rules drop
    // leaves no connection, so this one is theirs to allow.
    const open = { ...rules, rules: rules.rules.filter(({ name }) => !name.startsWith('cart')) };
    await node.ask('PUT', '/rules', open);
    expect(await ends.outside!.ask('tcp', '10.9.0.1', 30_080)).toBe('cart');
    await node.ask('PUT', '/rules', rules);
    expect(await explain('10.9.0.2', '10.9.0.1', 30_080)).toMatchObject({
      verdict: 'deny',
      translation: { real: { source: '10.9.0.2', destination: '10.42.0.2', port: 8080 } },
      ingress: { pod: { name: 'cart' }, rule: 'cart ingress deny' },
    });
    expect(await explain('shop.web', 'shop.cart', 8080)).toMatchObject({
      translation: null,
      verdict: 'allow',
    });
    expect(await explain('fd42::3', 'fd96::9', 80)).toMatchObject({ translation: none });
  });

  test('the pod says how many of its connections are tracked, and so do the metrics', async () => {
    const table = await node.ask<PodConnectionTable>('GET', '/pods/shop.cart/connection-table');
    expect(table.connections).toBeGreaterThan(0);
    expect(table).toMatchObject({ capacity: 65_536, quota: 16_384, evicted: 0, untracked: 0 });
    expect(await node.metrics()).toMatch(/podlane_pod_connections\{namespace="shop",pod="cart"\} [1-9]/);
  });
}
