import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../contract/cidr.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { RuleSet, RuleSetInput } from '../../../contract/rule-set.ts';
import { ruleSetSchema } from '../../../contract/rule-set.ts';
import { defaultConntrackTimeouts } from '../../../server/acl/load/conntrack-timeouts.ts';
import type { SelectablePod } from '../../../server/acl/spec/pod-matching.ts';
import { counterIndexByName } from '../../../server/bpf/counter-layout.ts';
import type { VerdictEvent } from '../../../server/bpf/packet-events.ts';
import { networkPacket, type Packet, tcp } from './packets.ts';
import { RuleFixture } from './rule-fixture.ts';

const pod: SelectablePod = {
  id: 'pod-0',
  namespace: 'shop',
  name: 'cart',
  labels: {},
  addresses: ['10.42.0.1/32', 'fd42::1/128'],
};
const families = {
  IPv4: { pod: '10.42.0.1', peer: '192.0.2.7', router: '192.0.2.1', icmp: 1, echo: 8, reply: 0, error: 3 },
  IPv6: {
    pod: 'fd42::1',
    peer: '2001:db8::7',
    router: '2001:db8::1',
    icmp: 58,
    echo: 128,
    reply: 129,
    error: 1,
  },
} as const;
const protocols = { TCP: 6, UDP: 17, SCTP: 132 } as const;

let fixture: RuleFixture;
let events: VerdictEvent[] = [];
/** Each test has ports of its own: what one leaves behind does not touch the next. */
let port = 1000;
beforeAll(async () => {
  fixture = await RuleFixture.open(1, {
    ...defaultConntrackTimeouts,
    udp: { unreplied: 2, replied: 6, closing: 1 },
  });
  fixture.loader.onVerdicts((batch) => events.push(...batch));
});
afterAll(async () => {
  await fixture?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await fixture.load('staged', null, [pod]);
  await fixture.load('active', null, [pod]);
  port += 1;
  await sleep(20);
  events = [];
});

const rules = (defaults: RuleSet['defaults'], ...list: RuleSetInput['rules']): RuleSet =>
  ruleSetSchema.parse({ name: 'tested', defaults, rules: list });
const all = { all: true } as const;
const closed = { ingress: 'deny', egress: 'deny' } as const;
const open = { ingress: 'allow', egress: 'allow' } as const;
const allowEgress = { name: 'out', direction: 'egress', subject: all, action: 'allow' } as const;
const allowIngress = { name: 'in', direction: 'ingress', subject: all, action: 'allow' } as const;

function evaluate(direction: Direction, packet: Packet, fromNode = false): 'pass' | 'drop' {
  return fixture.evaluate([{ slot: 0, direction, packet, fromNode }])[0]!;
}

describe.each(Object.entries(families))('over %s', (_, family) => {
  const own = parseAddress(family.pod);
  const peer = parseAddress(family.peer);
  const out = (packet: Partial<Packet>): 'pass' | 'drop' =>
    evaluate('egress', { source: own, destination: peer, protocol: 17, ...packet });
  const back = (packet: Partial<Packet>): 'pass' | 'drop' =>
    evaluate('ingress', { source: peer, destination: own, protocol: 17, ...packet });
  const there = (more: Partial<Packet> = {}) => ({ sourcePort: port, destinationPort: 80, ...more });
  const home = (more: Partial<Packet> = {}) => ({ sourcePort: 80, destinationPort: port, ...more });

  describe.each(Object.entries(protocols))('%s', (_, protocol) => {
    const opening = protocol === 6 ? { tcpFlags: tcp.syn } : {};
    const answer = protocol === 6 ? { tcpFlags: tcp.syn | tcp.ack } : {};

    test('replies of allowed egress connections pass, and nothing else enters', async () => {
      await fixture.load('active', rules(closed, allowEgress), [pod]);
      expect(back({ protocol, ...home(answer) })).toBe('drop');
      port += 1;
      expect(back({ protocol, ...home(opening) })).toBe('drop');
      expect(out({ protocol, ...there(opening) })).toBe('pass');
      expect(back({ protocol, ...home(answer) })).toBe('pass');
      expect(back({ protocol, ...home({ ...opening, sourcePort: 81 }) })).toBe('drop');
      expect(fixture.loader.connections(1)).toContainEqual(
        expect.objectContaining({
          protocol,
          podPort: port,
          peerPort: 80,
          initiator: 'pod',
          state: 'replied',
        }),
      );
    });

    test('a connection is re-evaluated in its initiator’s direction when the rules change', async () => {
      await fixture.load('active', rules(closed, allowEgress), [pod]);
      out({ protocol, ...there(opening) });
      await fixture.load('active', rules({ ...closed, egress: 'allow' }), [pod]);
      expect(back({ protocol, ...home(answer) })).toBe('pass');
      await fixture.load('active', rules({ ...open, egress: 'deny' }), [pod]);
      // What comes in may, but the pod may not have begun it: the connection ends, and stays ended whoever sends.
      const middle = protocol === 6 ? { tcpFlags: tcp.ack } : {};
      for (let again = 0; again < 3; again += 1) {
        expect(back({ protocol, ...home(middle) })).toBe('drop');
        expect(out({ protocol, ...there(middle) })).toBe('drop');
      }
      expect(fixture.loader.connections(1).some(({ podPort }) => podPort === port)).toBe(false);
    });
  });

  test('TCP in mid-stream without a connection passes only where its sender may begin one, and makes none known', async () => {
    await fixture.load('active', rules(closed, { ...allowIngress, protocol: 'tcp', ports: [{ from: 80 }] }), [
      pod,
    ]);
    const stray = [tcp.ack, tcp.syn | tcp.ack, tcp.fin | tcp.ack, tcp.rst];
    for (const tcpFlags of stray) {
      port += 1;
      const middle = { protocol: 6, tcpFlags };
      expect(back({ ...middle, sourcePort: port, destinationPort: 80 })).toBe('pass');
      expect(out({ ...middle, sourcePort: 80, destinationPort: port })).toBe('drop');
      expect(back({ ...middle, sourcePort: port, destinationPort: 81 })).toBe('drop');
      expect(out({ ...middle, sourcePort: port, destinationPort: 80 })).toBe('drop');
      expect(fixture.loader.connections(1).some(({ peerPort }) => peerPort === port)).toBe(false);
    }
  });

  test('a SYN of the other end passes while the first one is unanswered, and later opens a connection of its own', async () => {
    await fixture.load('active', rules(closed, allowEgress), [pod]);
    expect(back({ protocol: 6, ...home({ tcpFlags: tcp.syn }) })).toBe('drop');
    out({ protocol: 6, ...there({ tcpFlags: tcp.syn }) });
    expect(back({ protocol: 6, ...home({ tcpFlags: tcp.syn }) })).toBe('pass');
    expect(out({ protocol: 6, ...there({ tcpFlags: tcp.syn | tcp.ack }) })).toBe('pass');
    expect(back({ protocol: 6, ...home({ tcpFlags: tcp.syn | tcp.ack }) })).toBe('pass');
    expect(back({ protocol: 6, ...home({ tcpFlags: tcp.syn }) })).toBe('drop');
    expect(back({ protocol: 6, ...home({ tcpFlags: tcp.ack }) })).toBe('pass');
    expect(back({ protocol: 6, ...home({ tcpFlags: tcp.rst | tcp.ack }) })).toBe('pass');
    expect(fixture.loader.connections(1).find(({ podPort }) => podPort === port)).toMatchObject({
      state: 'closing',
    });
  });

  test('an ACK alone does not answer a SYN, and a connection closes by the FINs of both ends', async () => {
    await fixture.load('active', rules(closed, allowEgress), [pod]);
    const state = () => fixture.loader.connections(1).find(({ podPort }) => podPort === port)?.state;
    out({ protocol: 6, ...there({ tcpFlags: tcp.syn }) });
    expect(back({ protocol: 6, ...home({ tcpFlags: tcp.ack }) })).toBe('pass');
    expect(state()).toBe('unreplied');
    back({ protocol: 6, ...home({ tcpFlags: tcp.syn | tcp.ack }) });
    out({ protocol: 6, ...there({ tcpFlags: tcp.fin | tcp.ack }) });
    expect(state()).toBe('replied');
    back({ protocol: 6, ...home({ tcpFlags: tcp.fin | tcp.ack }) });
    expect(state()).toBe('closing');
  });

  test('echo replies pass by their identifier, requests in the other direction do not', async () => {
    await fixture.load('active', rules(closed, allowEgress), [pod]);
    const { icmp: protocol, echo, reply } = family;
    expect(back({ protocol, icmp: { type: reply, id: port } })).toBe('drop');
    expect(out({ protocol, icmp: { type: echo, id: port } })).toBe('pass');
    expect(back({ protocol, icmp: { type: reply, id: port } })).toBe('pass');
    expect(back({ protocol, icmp: { type: reply, id: port + 1 } })).toBe('drop');
    expect(back({ protocol, icmp: { type: echo, id: port } })).toBe('drop');
  });

  test('ICMP errors that quote a packet of a connection pass, from any sender', async () => {
    await fixture.load('active', rules(closed, allowEgress), [pod]);
    const { icmp: protocol, error: type } = family;
    const sent = { source: own, destination: peer, protocol: 17, sourcePort: port, destinationPort: 80 };
    const error = (quoted: Packet): Packet => ({
      source: parseAddress(family.router),
      destination: own,
      protocol,
      icmp: { type, code: 3 },
      quoted: networkPacket(quoted),
    });
    expect(evaluate('ingress', error(sent))).toBe('drop');
    out(there());
    expect(evaluate('ingress', error(sent))).toBe('pass');
    expect(evaluate('ingress', error({ ...sent, destinationPort: 81 }))).toBe('drop');
    // Of what came in, the error goes out.
    await fixture.load('active', rules(closed, allowIngress), [pod]);
    const came = { source: peer, destination: own, protocol: 17, sourcePort: 5, destinationPort: port };
    expect(evaluate('ingress', came)).toBe('pass');
    expect(out({ protocol, icmp: { type, code: 3 }, quoted: networkPacket(came) })).toBe('pass');
    expect(
      out({ protocol, icmp: { type, code: 3 }, quoted: networkPacket({ ...came, sourcePort: 6 }) }),
    ).toBe('drop');
  });

  test('later fragments follow the first one’s verdict', async () => {
    await fixture.load('active', rules(closed, { ...allowEgress, protocol: 'udp', ports: [{ from: 80 }] }), [
      pod,
    ]);
    const later = { fragment: { id: port, offset: 9, more: false } };
    expect(out({ ...there(), fragment: { id: port, offset: 0, more: true } })).toBe('pass');
    expect(out(later)).toBe('pass');
    const other = { id: port + 1000, offset: 0, more: true };
    expect(out({ ...there({ destinationPort: 81 }), fragment: other })).toBe('drop');
    expect(out({ fragment: { ...other, offset: 9, more: false } })).toBe('drop');
    expect(back({ ...home({ sourcePort: 81 }), fragment: { id: port, offset: 0, more: true } })).toBe('drop');
    expect(back(later)).toBe('drop');
  });

  test('fragments before the first one pass where some port may be reached, as many as one packet has', async () => {
    await fixture.load('active', rules(closed, { ...allowEgress, protocol: 'udp', ports: [{ from: 80 }] }), [
      pod,
    ]);
    const before = fixture.programs.counters.read(0)[counterIndexByName['egressDroppedPackets.fragment']]!;
    const later = (offset: number) => ({ fragment: { id: port, offset, more: true } });
    for (let i = 1; i <= 54; i += 1) expect(out(later(i))).toBe('pass');
    expect(out(later(55))).toBe('drop');
    expect(back(later(9))).toBe('drop');
    expect(
      fixture.programs.counters.read(0)[counterIndexByName['egressDroppedPackets.fragment']]! - before,
    ).toBeGreaterThanOrEqual(1n);
  });

  test('what the node itself sends to its pod is always allowed, with the replies; its addresses alone are nothing', async () => {
    await fixture.load('active', rules(closed), [pod]);
    expect(back(home())).toBe('drop');
    fixture.loader.setNodeAddresses([family.peer]);
    expect(back(home())).toBe('drop');
    const probe = { source: peer, destination: own, protocol: 17, ...home() };
    expect(evaluate('ingress', probe, true)).toBe('pass');
    expect(out(there())).toBe('pass');
    expect(out(there({ sourcePort: port + 1 }))).toBe('drop');
    // Rules that name addresses do not hold for somebody behind an address of the node.
    const named = { ...allowIngress, peers: [{ cidr: `${family.peer}/${family.icmp === 1 ? 32 : 128}` }] };
    await fixture.load('active', rules(closed, named), [pod]);
    expect(back(home({ destinationPort: port + 2 }))).toBe('drop');
    fixture.loader.setNodeAddresses([]);
    expect(back(home({ destinationPort: port + 3 }))).toBe('pass');
    port += 3;
  });

  test('the default action applies to a pod that the rules do not know', async () => {
    await fixture.load('active', rules({ ingress: 'deny', egress: 'allow' }), []);
    expect([out(there()), back({ sourcePort: 9, destinationPort: port })]).toEqual(['pass', 'drop']);
    await fixture.load('active', rules({ ingress: 'allow', egress: 'deny' }), []);
    expect([out(there({ sourcePort: port + 1 })), back({ sourcePort: 10, destinationPort: port })]).toEqual([
      'drop',
      'pass',
    ]);
  });

  test('staged rules drop nothing, and report what they would deny or allow', async () => {
    const staged = rules(open, {
      ...allowEgress,
      name: 'not-80',
      action: 'deny',
      protocol: 'udp',
      ports: [{ from: 80 }],
    });
    const { loaded } = await fixture.load('staged', staged, [pod]);
    expect(out(there())).toBe('pass');
    expect(out(there())).toBe('pass');
    expect(out(there({ destinationPort: 81 }))).toBe('pass');
    await fixture.load('active', rules(closed, { ...allowEgress, protocol: 'udp', ports: [{ from: 80 }] }), [
      pod,
    ]);
    expect(out(there())).toBe('pass');
    expect(out(there({ sourcePort: port + 1, destinationPort: 82 }))).toBe('drop');
    await sleep(50);
    const expected = {
      set: 'staged',
      direction: 'egress',
      owner: 1,
      slot: 0,
      generation: loaded.generation,
    } as const;
    expect(events.map(({ kind, set, destinationPort, rule }) => [kind, set, destinationPort, rule])).toEqual([
      ['staged-deny', 'staged', 80, 1],
      ['staged-deny', 'staged', 80, 1],
      ['staged-deny', 'staged', 80, 1],
      ['staged-allow', 'staged', 82, 0],
      ['dropped', 'active', 82, 0],
    ]);
    expect(events[0]).toMatchObject({
      ...expected,
      source: family.pod,
      destination: family.peer,
      sourcePort: port,
    });
  });

  test('a log rule reports once per connection', async () => {
    await fixture.load('active', rules(open, { ...allowEgress, name: 'seen', action: 'log' }), [pod]);
    out(there());
    out(there());
    back(home());
    await sleep(50);
    expect(events.map(({ kind, rule, protocol }) => [kind, rule, protocol])).toEqual([['logged', 1, 17]]);
  });
});

describe('over IPv6', () => {
  const own = parseAddress('fd42::1');
  const link = parseAddress('fe80::7');
  const to = (packet: Partial<Packet>): 'pass' | 'drop' =>
    evaluate('ingress', { source: link, destination: own, protocol: 58, ...packet });

  test('neighbor discovery and multicast listener reports of the link are exempt', async () => {
    await fixture.load('active', rules(closed), [pod]);
    for (const type of [133, 134, 135, 136, 137]) {
      expect(to({ icmp: { type }, hopLimit: 255 })).toBe('pass');
      expect(to({ icmp: { type }, hopLimit: 64 })).toBe('drop');
    }
    for (const type of [130, 131, 132, 143]) {
      expect(to({ icmp: { type }, hopLimit: 1 })).toBe('pass');
      expect(to({ icmp: { type }, hopLimit: 1, extensions: [0] })).toBe('pass');
      expect(to({ icmp: { type }, hopLimit: 1, source: parseAddress('2001:db8::7') })).toBe('drop');
    }
  });

  test('up to 8 extension headers are skipped', async () => {
    await fixture.load('active', rules(closed, { ...allowIngress, protocol: 'udp', ports: [{ from: 80 }] }), [
      pod,
    ]);
    const udp = { protocol: 17, sourcePort: port, destinationPort: 80 };
    expect(to({ ...udp, extensions: [0, 43, 60] })).toBe('pass');
    expect(to({ ...udp, destinationPort: 81, extensions: [0, 43, 60] })).toBe('drop');
    expect(to({ ...udp, extensions: [0, 60, 60, 60, 60, 60, 60, 60, 60] })).toBe('drop');
  });

  test('an IPv4-mapped IPv6 address is malformed', async () => {
    const mapped = { source: parseAddress('::ffff:10.42.0.9'), protocol: 17 };
    expect(to(mapped)).toBe('pass');
    await fixture.load('active', rules(open), [pod]);
    expect(to(mapped)).toBe('drop');
    await sleep(50);
    expect(events.map(({ kind, reason }) => [kind, reason])).toEqual([['dropped', 'malformed']]);
  });
});

test('UDP connections expire by state', async () => {
  await fixture.load('active', rules(closed, allowEgress), [pod]);
  const [own, peer] = [parseAddress(families.IPv4.pod), parseAddress(families.IPv4.peer)];
  const send = (sourcePort: number) =>
    evaluate('egress', { source: own, destination: peer, protocol: 17, sourcePort, destinationPort: 80 });
  const answer = (destinationPort: number) =>
    evaluate('ingress', { source: peer, destination: own, protocol: 17, sourcePort: 80, destinationPort });
  send(port);
  send(port + 5000);
  expect(answer(port)).toBe('pass');
  await sleep(3100);
  expect(answer(port)).toBe('pass');
  expect(answer(port + 5000)).toBe('drop');
});

test('verdict events over a slot’s rate are counted and not sent', async () => {
  const before = fixture.loader.lostVerdicts().find(({ slot }) => slot === 0)?.rateLimited ?? 0n;
  await fixture.load('active', rules(closed), [pod]);
  const packet = { source: parseAddress('192.0.2.9'), destination: parseAddress('10.42.0.1'), protocol: 17 };
  fixture.evaluate(Array.from({ length: 500 }, () => ({ slot: 0, direction: 'ingress' as const, packet })));
  await sleep(50);
  const limited = fixture.loader.lostVerdicts().find(({ slot }) => slot === 0)!.rateLimited - before;
  expect(events.length + Number(limited)).toBe(500);
  // What the tests before have spent of the burst may be missing.
  expect(events.length).toBeGreaterThan(50);
  expect(events.length).toBeLessThan(120);
});
