import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ObservedPathHop, ObservedPodPath } from '../../../contract/observed-path.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { addForeignNamespace, type ForeignNamespace, findObserved, ip } from '../../testbed/observed-pods.ts';
import { pollUntil } from '../../testbed/poll.ts';

let node: TestNode;
let pod: ForeignNamespace;

/** A pod on a bridge with an uplink, as Docker makes it. */
beforeAll(async () => {
  node = await startTestNode(['--observe', 'programs', '--cni-cache', 'none']);
  ip(node, 'link add uplink0 type veth peer name uplink1');
  ip(node, 'address add 192.0.2.2/24 dev uplink0');
  ip(node, 'link set uplink0 up');
  ip(node, 'link set uplink1 up');
  ip(node, 'route add default via 192.0.2.1');
  ip(node, 'link add docker0 type bridge');
  ip(node, 'address add 172.30.0.1/16 dev docker0');
  ip(node, 'address add fd30::1/64 dev docker0');
  ip(node, 'link set docker0 up');
  node.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  pod = addForeignNamespace(node, 'web');
  ip(node, `link add veth1 type veth peer name eth0 netns ${pod.name}`);
  ip(node, 'link set veth1 master docker0');
  ip(node, 'link set veth1 type bridge_slave hairpin on');
  ip(node, 'link set veth1 up');
  ip(node, 'address add 172.30.0.2/16 dev eth0', pod.path);
  ip(node, 'address add fd30::2/64 dev eth0 nodad', pod.path);
  ip(node, 'link set eth0 up', pod.path);
  ip(node, 'route add default via 172.30.0.1', pod.path);
  await pollUntil(
    () => findObserved(node, pod.id),
    (each) => each?.addresses.length === 2 && each.interfaces[0]!.up,
  );
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
});

async function readPath(): Promise<Map<string, ObservedPathHop>> {
  const path = await node.ask<ObservedPodPath>('GET', `/observed-pods/${pod.id}/path`);
  return new Map(path.hops.map((hop) => [hop.type, hop]));
}

const readNat = async () => {
  const nat = (await readPath()).get('nat');
  if (nat?.type !== 'nat') throw new Error('no hop nat');
  return nat;
};

test('leads through the bridge, the node’s routes and its uplink', async () => {
  const hops = await readPath();
  expect([...hops.keys()]).toEqual(['container', 'interface', 'bridge', 'host', 'nat', 'uplink']);
  expect(hops.get('container')).toMatchObject({
    interface: 'eth0',
    addresses: ['172.30.0.2/16', 'fd30::2/64'],
    routes: [expect.stringContaining('default via 172.30.0.1 dev eth0')],
  });
  expect(hops.get('interface')).toMatchObject({ kind: 'veth', hostEnd: { name: 'veth1' }, elsewhere: null });
  expect(hops.get('bridge')).toMatchObject({ name: 'docker0', ports: ['veth1'], hairpin: true, up: true });
  expect(hops.get('host')).toMatchObject({
    routes: [
      expect.stringContaining('172.30.0.0/16 dev docker0'),
      expect.stringContaining('fd30::/64 dev docker0'),
    ],
    defaultRoutes: [expect.stringContaining('default via 192.0.2.1 dev uplink0')],
    forwarding: true,
  });
  expect(hops.get('uplink')).toMatchObject({
    name: 'uplink0',
    addresses: ['192.0.2.2/24', expect.any(String)],
  });
});

test('an interface that the pod does not have is not found', async () => {
  await expect(node.ask('GET', `/observed-pods/${pod.id}/path?interface=eth9`)).rejects.toMatchObject({
    code: 'not_found',
    hint: 'It has eth0.',
  });
});

/** Rules as Docker writes them, and those of a port that is published for one address, and of another pod. */
const dockerRules = `*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.30.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 10.99.0.0/16 -j MASQUERADE
-A POSTROUTING -s 172.30.0.2/32 -d 172.30.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.30.0.2:80
-A DOCKER -d 192.0.2.2/32 ! -i docker0 -p udp -m udp --dport 5353 -j DNAT --to-destination 172.30.0.2:53
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 9090 -j DNAT --to-destination 172.30.0.7:90
COMMIT
`;

test.each(['iptables-nft', 'iptables-legacy'])(
  'has published ports and masquerading of %s',
  async (command) => {
    node.run(['sh', '-c', `printf %s '${dockerRules}' | ${command}-restore`]);
    const place = command === 'iptables-nft' ? 'nftables ip nat' : 'iptables nat';
    const nat = await pollUntil(readNat, ({ rules }) => rules.length > 0);
    expect(nat.published).toEqual([
      { protocol: 'tcp', hostAddress: null, hostPort: 8080, podAddress: '172.30.0.2', podPort: 80 },
      { protocol: 'udp', hostAddress: '192.0.2.2', hostPort: 5353, podAddress: '172.30.0.2', podPort: 53 },
    ]);
    const masquerading = nat.rules.filter(({ action }) => action === 'masquerade');
    expect(masquerading).toEqual([
      {
        action: 'masquerade',
        place: `${place} POSTROUTING`,
        protocol: null,
        port: null,
        source: '172.30.0.0/16',
        destination: null,
        to: null,
        conditions: ['not to docker0'],
      },
      expect.objectContaining({
        source: '172.30.0.2',
        destination: '172.30.0.2',
        protocol: 'tcp',
        port: '80',
      }),
    ]);
    const [first] = nat.rules.filter(({ action }) => action === 'dnat');
    expect(first).toMatchObject({
      place: `${place} DOCKER`,
      port: '8080',
      to: { address: '172.30.0.2', port: 80 },
      conditions: expect.arrayContaining(['an address of the node', 'not from docker0']),
    });
    expect(nat.unread).toEqual([]);
    node.run([command, '-t', 'nat', '-F']);
  },
);

test('has what nftables translates, in both families, and says what it does not follow', async () => {
  node.run([
    'nft',
    `table inet own {
      map services { type inet_service : verdict; elements = { 81 : accept } }
      chain pre { type nat hook prerouting priority -100;
        meta nfproto ipv4 tcp dport 8081 dnat ip to 172.30.0.2:81
        ip6 daddr 2001:db8::1 tcp dport 443 dnat ip6 to [fd30::2]:8443
        tcp dport vmap @services
      }
      chain post { type nat hook postrouting priority 100;
        ip saddr 172.30.0.0/24 oifname "uplink0" masquerade
        ip6 saddr fd30::/64 snat ip6 to 2001:db8::2
        ip saddr != 172.30.0.0/16 masquerade
        ip saddr { 172.30.0.2, 172.30.0.3 } masquerade
      }
    }`,
  ]);
  const nat = await pollUntil(readNat, ({ rules }) => rules.some(({ place }) => place.includes('inet own')));
  expect(nat.published).toEqual([
    { protocol: 'tcp', hostAddress: null, hostPort: 8081, podAddress: '172.30.0.2', podPort: 81 },
    { protocol: 'tcp', hostAddress: '2001:db8::1', hostPort: 443, podAddress: 'fd30::2', podPort: 8443 },
  ]);
  expect(
    nat.rules
      .filter(({ action }) => action !== 'dnat')
      .map(({ action, source, to, conditions }) => [action, source, to, conditions]),
  ).toEqual([
    ['masquerade', '172.30.0.0/24', null, ['to uplink0']],
    ['snat', 'fd30::/64', { address: '2001:db8::2', port: null }, []],
    // By its address of version 6, the pod is not from there.
    ['masquerade', 'not 172.30.0.0/16', null, []],
    ['masquerade', null, null, [expect.stringContaining('in set')]],
  ]);
  expect(nat.unread).toEqual([expect.stringContaining('a map of verdicts is not followed')]);
  node.run(['nft', 'delete', 'table', 'inet', 'own']);
});
