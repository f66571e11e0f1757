import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSeededRandom } from '../../../bench/acl-rules.ts';
import { formatIpAddress, type IpAddress, parseAddress } from '../../../contract/cidr.ts';
import { type RuleSet, ruleSetSchema } from '../../../contract/rule-set.ts';
import { compileRules } from '../../../server/acl/compile/compile.ts';
import { RuleLoader } from '../../../server/acl/load/rule-loader.ts';
import type { SelectablePod } from '../../../server/acl/spec/pod-matching.ts';
import { encodeMacAddress } from '../../../server/bpf/address-encoding.ts';
import type { DatapathPrograms } from '../../../server/bpf/datapath.ts';
import { openDatapath } from '../../../server/bpf/open-datapath.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import type { ConnectionPacket } from '../../unit/acl/reference-conntrack.ts';
import { referenceEvaluator } from '../../unit/acl/reference-evaluator.ts';
import type { Side } from '../../unit/acl/reference-translation.ts';
import { Agent } from '../bpf/agent.ts';
import { run, within } from '../bpf/namespaces.ts';
import { entryOf, type FixturePod, NodeFixture } from '../bpf/node-fixture.ts';
import { PacketSocket } from '../bpf/packet-socket.ts';
import { ipv4Checksum, networkPacket } from './packets.ts';
import {
  nodeAddress,
  type Party,
  partyAddresses,
  passages,
  ports,
  serviceAddress,
  TranslatedLife,
} from './translated-life.ts';

const wanted = 100_000;
/** Connections that live through the same changes of rules, and packets that each may send. */
const batch = 400;
const steps = 16;
/** Frames that are on their way at once: what a packet socket holds. */
const chunk = 80;
/** Time in ms; what does not fit is left out, and the test says so. */
const budgetMs = 300_000;

/** Addresses of the node on the devices of pods and beside them, which masquerading takes its own from. */
const nodeAddresses = [nodeAddress[4], nodeAddress[6], '169.254.1.1', '192.0.2.1', 'fd02::1'];
const selectable: SelectablePod[] = (['a', 'b'] as const).map((name) => ({
  id: name,
  namespace: 'shop',
  name,
  labels: { app: name },
  addresses: [`${partyAddresses[name][4]}/32`, `${partyAddresses[name][6]}/128`],
}));
const nat = `
table inet services {
  chain pre { type nat hook prerouting priority -100;
    ip daddr ${serviceAddress[4]} meta l4proto { tcp, udp } th dport 80 dnat ip to ${partyAddresses.b[4]}:8080
    ip6 daddr ${serviceAddress[6]} meta l4proto { tcp, udp } th dport 80 dnat ip6 to [${partyAddresses.b[6]}]:8080
    ip daddr ${nodeAddress[4]} meta l4proto { tcp, udp } th dport 30080 dnat ip to ${partyAddresses.b[4]}:8080
    ip6 daddr ${nodeAddress[6]} meta l4proto { tcp, udp } th dport 30080 dnat ip6 to [${partyAddresses.b[6]}]:8080
  }
  chain post { type nat hook postrouting priority 100;
    ct original ip daddr ${nodeAddress[4]} masquerade
    ct original ip6 daddr ${nodeAddress[6]} masquerade
    ip saddr ${partyAddresses.b[4]} ip daddr ${partyAddresses.b[4]} masquerade
    ip6 saddr ${partyAddresses.b[6]} ip6 daddr ${partyAddresses.b[6]} masquerade
  }
}`;
const outsideMacs = { node: '02:70:6c:00:09:01', outside: '02:70:6c:00:09:02' };

let fixture: NodeFixture;
let agent: Agent;
let programs: DatapathPrograms;
let loader: RuleLoader;
const sockets: Partial<Record<Party, PacketSocket>> = {};
const pods: Partial<Record<Party, FixturePod>> = {};

beforeAll(async () => {
  fixture = new NodeFixture();
  agent = new Agent(fixture);
  await agent.open();
  const veth = { kind: 'veth', hooks: 'tcx' } as const;
  for (const [name, slot] of [
    ['a', 1],
    ['b', 2],
  ] as const) {
    const pod = fixture.addPod(slot, veth);
    pods[name] = pod;
    await agent.setSlot(slot, entryOf(pod));
    for (const address of [pod.address4, pod.address6])
      await agent.setEndpoint(address, { slot, owner: slot });
    await agent.attachBoth(slot, 'tcx');
    sockets[name] = fixture.frames(pod);
    silence(pod.netns);
  }
  addOutside();
  execFileSync('nsenter', [`--net=${fixture.host}`, 'nft', '-f', '-'], { input: nat });
  // Frames here have no checksums in layer 4, and no windows.
  fixture.in(fixture.host, 'sysctl -w net.netfilter.nf_conntrack_checksum=0');
  fixture.in(fixture.host, 'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1');
  programs = await openDatapath({ pins: fixture.pins, maxSlots: 64 });
  loader = new RuleLoader(programs.ruleMaps, { slots: programs.maxSlots });
  loader.setNodeAddresses(nodeAddresses);
  await agent.attachAfterNat();
  loader.setAfterNat(true);
}, 60_000);
afterAll(async () => {
  for (const socket of Object.values(sockets)) socket[Symbol.dispose]();
  await loader?.close();
  programs?.close();
  await agent?.kill();
  fixture?.[Symbol.dispose]();
});

/** Keeps the ends' own stacks from answering. */
function silence(netns: string): void {
  execFileSync('nsenter', [`--net=${netns}`, 'nft', '-f', '-'], {
    input: 'table inet silence { chain in { type filter hook input priority 0; policy drop; }; }',
  });
}

function addOutside(): void {
  const outside = fixture.addNamespace('outside');
  const must = (netns: string, line: string) => run('nsenter', `--net=${netns}`, ...line.split(' '));
  for (const line of [
    'ip link set lo up',
    'ip address add 192.0.2.1/32 dev lo',
    'ip address add fd02::1/128 dev lo nodad',
    `ip link add hx address ${outsideMacs.node} type veth peer name x0 address ${outsideMacs.outside} netns ${outside.split('/').at(-1)}`,
    `ip address add ${nodeAddress[4]}/24 dev hx`,
    `ip address add ${nodeAddress[6]}/64 dev hx nodad`,
    'ip link set hx up',
    `ip neighbor replace ${partyAddresses.outside[4]} lladdr ${outsideMacs.outside} dev hx`,
    `ip neighbor replace ${partyAddresses.outside[6]} lladdr ${outsideMacs.outside} dev hx`,
  ])
    must(fixture.host, line);
  must(outside, 'ip link set x0 up');
  silence(outside);
  const index = Number(fixture.in(outside, 'cat /sys/class/net/x0/ifindex').output) || readIndex(outside);
  sockets.outside = within(outside, (fd) => runInNetworkNamespace(fd, () => new PacketSocket(index, 3)));
}

const readIndex = (netns: string): number =>
  (JSON.parse(fixture.in(netns, 'ip -json link show dev x0').output) as { ifindex: number }[])[0]!.ifindex;

type Random = ReturnType<typeof createSeededRandom>;

/** Returns rules that name real ends, and the addresses and ports that lead to them, which have no meaning for rules. */
function randomRules(random: Random): RuleSet {
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const cidrs = (of: { 4: string; 6: string }) => [{ cidr: `${of[4]}/32` }, { cidr: `${of[6]}/128` }];
  const peers = [
    [],
    [{ pods: { matchLabels: { app: 'a' } } }],
    [{ pods: { matchLabels: { app: 'b' } } }],
    cidrs(partyAddresses.outside),
    cidrs(serviceAddress),
    cidrs(nodeAddress),
  ];
  const rules = Array.from({ length: 2 + Math.floor(random() * 8) }, (_, i) => {
    const protocol = pick(['any', 'tcp', 'udp'] as const);
    const port = pick([null, ports.server, ports.service, ports.node]);
    return {
      name: `r${i}`,
      direction: pick(['ingress', 'egress'] as const),
      subject: pick([{ all: true }, { pod: 'a' }, { pod: 'b' }] as const),
      peers: pick(peers),
      protocol,
      ...(protocol !== 'any' && port ? { ports: [{ from: port }] } : {}),
      action: random() < 0.65 ? 'allow' : 'deny',
      priority: pick([0, 10, 20]),
    };
  });
  const verdict = () => (random() < 0.6 ? 'allow' : 'deny');
  return ruleSetSchema.parse({
    name: 'generated',
    defaults: { ingress: verdict(), egress: verdict() },
    rules,
  });
}

/** Says by the reference what the ends of a connection may, by their real addresses and the server's own port. */
function permissionsBy(
  set: RuleSet,
): (life: TranslatedLife) => Record<Side, { begin: boolean; beReached: boolean }> {
  const evaluate = referenceEvaluator(set, selectable, nodeAddresses);
  return ({ passage, family, isTcp, clientPort }) => {
    const { client, server, by } = passages[passage];
    const protocol = isTcp ? 6 : 17;
    const allows = (pod: Party, direction: 'ingress' | 'egress', peer: string, port: number): boolean =>
      pod === 'outside' ||
      evaluate({ pod, direction, peer: parseAddress(peer), protocol, port }).verdict === 'allow';
    const realServer = partyAddresses[server][family];
    const realClient = partyAddresses[client][family];
    // What comes back without a known connection comes from the address that was asked. If that is the node's, nobody
    // knows from whom: no rule names this one.
    const seen = { itself: realServer, service: serviceAddress[family], node: unknown[family] }[by];
    return {
      client: {
        begin: allows(client, 'egress', realServer, ports.server),
        beReached: allows(client, 'ingress', seen, clientPort),
      },
      server: {
        begin: allows(server, 'egress', realClient, clientPort),
        beReached: allows(server, 'ingress', realClient, ports.server),
      },
    };
  };
}
const unknown = { 4: '198.51.100.99', 6: 'fd99::99' } as const;

interface Sent {
  life: TranslatedLife;
  sender: Side;
  tcp: ConnectionPacket['tcp'];
  expected: 'pass' | 'drop';
  arrived: boolean;
}
/** Packets on their way, by the number that each carries. */
const sent = new Map<number, Sent>();

const partyOf = ({ passage }: TranslatedLife, side: Side): Party => passages[passage][side];

function send(number: number, { life, sender, tcp }: Sent): void {
  const at = partyOf(life, sender);
  const macs = pods[at]?.macs;
  const packet = networkPacket(life.wire(sender, tcp));
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(number);
  const bytes = Buffer.concat([Buffer.alloc(14), packet, payload]);
  bytes.set([
    ...encodeMacAddress(macs?.fromPod ?? outsideMacs.node),
    ...encodeMacAddress(macs?.toPod ?? outsideMacs.outside),
  ]);
  const isV4 = life.family === 4;
  bytes.writeUInt16BE(isV4 ? 0x0800 : 0x86dd, 12);
  const lengthAt = 14 + (isV4 ? 2 : 4);
  bytes.writeUInt16BE(bytes.readUInt16BE(lengthAt) + payload.length, lengthAt);
  const layer4 = 14 + (isV4 ? 20 : 40);
  if (!life.isTcp) bytes.writeUInt16BE(8 + payload.length, layer4 + 4);
  if (isV4) bytes.writeUInt16BE(ipv4Checksum(bytes.subarray(14, 34)), 24);
  sockets[at]!.send(bytes);
}

/** Takes what has arrived at the ends. */
function collect(): void {
  for (const [party, socket] of Object.entries(sockets) as [Party, PacketSocket][])
    for (let frame = socket.receive(); frame; frame = socket.receive()) {
      const family = frame.readUInt16BE(12) === 0x0800 ? 4 : 6;
      const layer4 = 14 + (family === 4 ? 20 : 40);
      // The host's ICMP errors and redirects quote packets, numbers included.
      if (frame.length < layer4 + 12 || ![6, 17].includes(frame[family === 4 ? 23 : 20]!)) continue;
      const found = sent.get(frame.readUInt32BE(frame.length - 4));
      const receiver: Side = found?.sender === 'client' ? 'server' : 'client';
      if (!found || found.life.family !== family || partyOf(found.life, receiver) !== party) continue;
      found.arrived = true;
      found.life.arrived(found.sender, found.tcp, {
        address: readSource(frame, family),
        port: frame.readUInt16BE(layer4),
      });
    }
}

function readSource(frame: Buffer, family: 4 | 6): IpAddress {
  const bytes = family === 4 ? frame.subarray(26, 30) : frame.subarray(22, 38);
  return { family, value: BigInt(`0x${bytes.toString('hex')}`) };
}

/** Waits until everything that should arrive has. */
async function arrivals(all: readonly Sent[]): Promise<void> {
  const deadline = performance.now() + 3000;
  for (;;) {
    collect();
    if (all.every(({ expected, arrived }) => arrived || expected === 'drop')) return;
    if (performance.now() > deadline) return;
    await sleep(1);
  }
}

/** Compares the other ends that connections in the table are evaluated by with the real ones. */
function checkRealPeers(lives: readonly TranslatedLife[]): void {
  const byPort = new Map(lives.map((life) => [life.clientPort, life]));
  for (const { owner, initiator, podPort, peer, peerPort, realPeer } of loader.connections()) {
    const life = byPort.get(podPort);
    if (!life || initiator !== 'pod' || owner !== pods[passages[life.passage].client]?.slot) continue;
    const { server } = passages[life.passage];
    const real = realPeer ?? { address: peer, port: peerPort };
    expect({ passage: life.passage, ...real }).toEqual({
      passage: life.passage,
      address: formatIpAddress(parseAddress(partyAddresses[server][life.family])),
      port: ports.server,
    });
  }
}

test('over 100,000 packets through the host’s NAT the kernel does what the reference says of the real ends, while rules change', async () => {
  const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
  console.log(`seed ${seed}`);
  const random = createSeededRandom(seed);
  const started = performance.now();
  const counts = { pass: 0, drop: 0 };
  let lived = 0;
  let number = 0;
  const load = async (set: RuleSet) => {
    const { tables } = compileRules(set, selectable);
    await loader.load('active', { tables, defaults: set.defaults }, (id) => (id === 'a' ? 1 : 2));
    return permissionsBy(set);
  };
  for (; counts.pass + counts.drop < wanted && performance.now() - started < budgetMs; lived += batch) {
    const lives = Array.from({ length: batch }, (_, i) => new TranslatedLife(lived + i, random));
    let rules = randomRules(random);
    let permissions = await load(rules);
    for (let step = 0; step < steps; step += 1) {
      if (random() < 0.3) {
        rules = randomRules(random);
        permissions = await load(rules);
      }
      sent.clear();
      for (let at = 0; at < lives.length; at += chunk) {
        const all: Sent[] = [];
        for (const life of lives.slice(at, at + chunk)) {
          const next = life.next(random);
          if (!next) continue;
          const expected = life.reference.evaluate(next.sender, next.tcp, permissions(life));
          const packet: Sent = { life, ...next, expected, arrived: false };
          life.history.push(
            `${JSON.stringify(permissions(life))} ${packet.sender} ${JSON.stringify(packet.tcp)} ${expected}`,
          );
          all.push(packet);
          sent.set(number, packet);
          send(number, packet);
          number += 1;
        }
        await arrivals(all);
      }
      // What should not arrive has had the time of all others, and this.
      await sleep(2);
      collect();
      for (const { life, expected, arrived } of sent.values()) {
        counts[expected] += 1;
        if (arrived !== (expected === 'pass'))
          throw new Error(
            `seed ${seed}: the last packet ${arrived ? 'passes' : 'is dropped'}:\n${life.passage}, IPv${life.family}\n${life.history.join('\n')}\n${JSON.stringify(rules)}`,
          );
      }
    }
    checkRealPeers(lives);
  }
  console.log(`${lived} connections, ${JSON.stringify(counts)} packets`);
  expect(counts.pass + counts.drop).toBeGreaterThanOrEqual(wanted);
}, 360_000);
