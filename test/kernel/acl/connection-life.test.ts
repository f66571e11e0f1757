import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSeededRandom } from '../../../bench/acl-rules.ts';
import { parseAddress } from '../../../contract/cidr.ts';
import { type RuleSet, ruleSetSchema } from '../../../contract/rule-set.ts';
import type { SelectablePod } from '../../../server/acl/spec/pod-matching.ts';
import { BpfHashMap } from '../../../server/bpf/hash-map.ts';
import { conntrackKeySize, encodeMappedIpAddress } from '../../../server/bpf/rule-layout.ts';
import {
  type ConnectionEnd,
  type ConnectionPacket,
  ReferenceConnection,
} from '../../unit/acl/reference-conntrack.ts';
import { type Packet, tcp } from './packets.ts';
import { RuleFixture } from './rule-fixture.ts';

const podCount = 4;
const pods: SelectablePod[] = Array.from({ length: podCount }, (_, i) => ({
  id: `pod-${i}`,
  namespace: 'shop',
  name: `cart-${i}`,
  labels: {},
  addresses: [`10.42.0.${i + 1}/32`],
}));
/** The host's address, which masqueraded connections come from, and who is behind it. */
const nodeAddress = '198.51.100.1';
const peers = { direct: '192.0.2.7', masqueraded: '192.0.2.9' } as const;
const sequences = 20_000;
const steps = 14;
/** Steps that are learned from each time. */
const learnedSteps = 3;
/** Sequences that live through the same changes of rules. */
const batch = 500;
/** Time for all sequences in ms; what does not fit is left out, and the test says so. */
const budgetMs = 240_000;

let fixture: RuleFixture;
let origins: BpfHashMap;
beforeAll(async () => {
  fixture = await RuleFixture.open(podCount);
  fixture.loader.setNodeAddresses([nodeAddress]);
  origins = new BpfHashMap(fixture.programs.ruleMaps.masqueraded, 'masqueraded');
});
afterAll(async () => {
  await fixture?.[Symbol.asyncDispose]();
});

/** Who may begin a connection, by the other end: the same for all ports. */
type Permissions = Record<keyof typeof peers, Record<ConnectionEnd, boolean>>;

const toRules = (permissions: Permissions): RuleSet =>
  ruleSetSchema.parse({
    name: 'tested',
    defaults: { ingress: 'deny', egress: 'deny' },
    rules: (['direct', 'masqueraded'] as const).flatMap((kind) =>
      (['pod', 'peer'] as const)
        .filter((end) => permissions[kind][end])
        .map((end) => ({
          name: `${kind}-${end}`,
          direction: end === 'pod' ? 'egress' : 'ingress',
          subject: { all: true },
          peers: [{ cidr: `${peers[kind]}/32` }],
          action: 'allow',
        })),
    ),
  });

type Random = ReturnType<typeof createSeededRandom>;

/** One connection: its ends, and what its life so far demands of every implementation. */
class Life {
  readonly #slot: number;
  readonly #port: number;
  readonly kind: keyof typeof peers;
  readonly isTcp: boolean;
  readonly reference = new ReferenceConnection();
  /** End whose opening packet passed; alive while the rules allow it, no end closes it and the other opens no other. */
  opened: { by: ConnectionEnd; alive: boolean } | null = null;
  /** Ends of which an opening packet has ever passed. */
  readonly openers = new Set<ConnectionEnd>();
  /** True once datagrams of both ends were seen before the first rules: either may have begun. */
  isLearned = false;
  readonly history: string[] = [];

  constructor(number: number, random: Random) {
    this.#slot = number % podCount;
    this.#port = 1024 + Math.floor(number / podCount);
    this.kind = random() < 0.25 ? 'masqueraded' : 'direct';
    this.isTcp = random() < 0.7;
    if (this.kind === 'masqueraded') {
      const key = Buffer.alloc(conntrackKeySize);
      key.writeUInt32LE(this.#slot + 1, 0);
      encodeMappedIpAddress(nodeAddress).copy(key, 4);
      key.writeUInt16LE(this.#port, 20);
      key.writeUInt16LE(80, 22);
      key.writeUInt32LE(this.isTcp ? 6 : 17, 24);
      origins.set(key, encodeMappedIpAddress(peers.masqueraded));
    }
  }

  /** Returns a packet, of those that a real connection would have or any other. */
  next(step: number, random: Random): ConnectionPacket {
    const sender = random() < 0.5 ? 'pod' : 'peer';
    if (!this.isTcp) return { sender, tcp: null };
    const guided = this.#port % 3 !== 0 && step < 3;
    const initiator: ConnectionEnd = this.#port % 2 === 0 ? 'pod' : 'peer';
    const responder: ConnectionEnd = initiator === 'pod' ? 'peer' : 'pod';
    if (guided && random() < 0.9)
      return {
        sender: step === 1 ? responder : initiator,
        tcp: { syn: step < 2, ack: step > 0, fin: false, rst: false },
      };
    const flags = random();
    return {
      sender,
      tcp: {
        syn: flags < 0.25,
        ack: flags > 0.15 && flags < 0.9,
        fin: flags > 0.7 && flags < 0.85,
        rst: flags > 0.88,
      },
    };
  }

  /** Puts a packet on the wire: masqueraded ones have the host's address. */
  wire({ sender, tcp: flags }: ConnectionPacket) {
    const own = parseAddress(`10.42.0.${this.#slot + 1}`);
    const other = parseAddress(this.kind === 'masqueraded' ? nodeAddress : peers.direct);
    const outwards = sender === 'pod';
    const packet: Packet = {
      source: outwards ? own : other,
      destination: outwards ? other : own,
      protocol: this.isTcp ? 6 : 17,
      sourcePort: outwards ? this.#port : 80,
      destinationPort: outwards ? 80 : this.#port,
      tcpFlags: flags
        ? (flags.syn ? tcp.syn : 0) |
          (flags.ack ? tcp.ack : 0) |
          (flags.fin ? tcp.fin : 0) |
          (flags.rst ? tcp.rst : 0)
        : 0,
    };
    return { slot: this.#slot, direction: outwards ? ('egress' as const) : ('ingress' as const), packet };
  }
}

/** Says what is wrong with a verdict, whatever the implementation; null if nothing is. */
function findFault(
  life: Life,
  packet: ConnectionPacket,
  verdict: 'pass' | 'drop',
  mayBegin: (end: ConnectionEnd) => boolean,
): string | null {
  const { sender, tcp: flags } = packet;
  const other: ConnectionEnd = sender === 'pod' ? 'peer' : 'pod';
  const opens = flags === null || (flags.syn && !flags.ack && !flags.fin && !flags.rst);
  if (life.isLearned) {
    const by = (['peer', 'pod'] as const).find(mayBegin);
    life.opened = by === undefined ? null : { by, alive: true };
    life.isLearned = false;
  }
  const { opened } = life;
  if (opened && !mayBegin(opened.by)) opened.alive = false;
  if (verdict === 'pass' && !mayBegin(sender) && !(life.openers.has(other) && mayBegin(other)))
    return 'passes, and no rule allows it';
  const demanded = opened?.alive === true && !(flags !== null && opens && sender !== opened.by);
  if (verdict === 'drop' && demanded) return 'is dropped, and belongs to an allowed connection';
  if (verdict === 'drop') return null;
  if (opens && mayBegin(sender)) {
    life.openers.add(sender);
    // Two SYNs cross, or one replaces the other's connection: from then on either end's may be the one.
    if (!opened?.alive) life.opened = { by: sender, alive: life.openers.size === 1 };
    else if (flags !== null && sender !== opened.by) opened.alive = false;
  } else if (opened && flags?.rst) {
    opened.alive = false;
  }
  return null;
}

test('over the lives of 20,000 connections kernel and reference agree, nothing passes that no rule allows, and nothing allowed is dropped', async () => {
  const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
  console.log(`seed ${seed}`);
  const random = createSeededRandom(seed);
  const chance = (): Permissions => ({
    direct: { pod: random() < 0.6, peer: random() < 0.5 },
    masqueraded: { pod: false, peer: random() < 0.6 },
  });
  const started = performance.now();
  let done = 0;
  /**
   * Removes the rules, and learns until the next are loaded. All passes. Masqueraded connections are silent: they are
   * taken over from the kernel's conntrack, which knows who is behind them.
   */
  const learn = async (all: readonly Life[], from: number, isFirst: boolean): Promise<void> => {
    await fixture.load('active', null, pods);
    expect(fixture.loader.startLearning()).toBe(true);
    const lives = all.filter(({ kind }) => kind === 'direct');
    for (const life of lives) life.opened = null;
    for (let step = from; step < from + learnedSteps; step += 1) {
      const packets = lives.map((life) => life.next(step, random));
      const verdicts = fixture.evaluate(lives.map((life, i) => life.wire(packets[i]!)));
      expect(new Set(verdicts)).toEqual(new Set(['pass']));
      lives.forEach((life, i) => {
        const packet = packets[i]!;
        life.reference.learn(packet);
        life.openers.add(packet.sender);
        life.history.push(`learning ${JSON.stringify(packet)}`);
        if (isFirst && !life.isTcp) life.isLearned = life.openers.size === 2;
      });
    }
  };
  for (; done < sequences && performance.now() - started < budgetMs; done += batch) {
    const lives = Array.from({ length: batch }, (_, i) => new Life(done + i, random));
    let permissions = chance();
    if (random() < 0.5) await learn(lives, 0, true);
    await fixture.load('active', toRules(permissions), pods);
    for (let step = 0; step < steps; step += 1) {
      const change = random();
      if (change < 0.05) await learn(lives, step, false);
      if (change < 0.25) {
        permissions = chance();
        await fixture.load('active', toRules(permissions), pods);
      }
      const packets = lives.map((life) => life.next(step, random));
      const verdicts = fixture.evaluate(lives.map((life, i) => life.wire(packets[i]!)));
      lives.forEach((life, i) => {
        const packet = packets[i]!;
        // What goes out to the node's address is no part of a masqueraded connection that nobody began.
        const mayBegin = (end: ConnectionEnd) => permissions[life.kind][end];
        const expected = life.reference.evaluate(packet, mayBegin);
        life.history.push(
          `${JSON.stringify(permissions[life.kind])} ${JSON.stringify(packet)} ${verdicts[i]}`,
        );
        const fault =
          findFault(life, packet, verdicts[i]!, mayBegin) ??
          (verdicts[i] === expected ? null : `is not ${expected}, as the reference says`);
        if (fault !== null)
          throw new Error(
            `seed ${seed}: the last packet ${fault}:\n${life.kind}\n${life.history.join('\n')}`,
          );
      });
    }
  }
  expect(done).toBeGreaterThanOrEqual(sequences);
}, 300_000);
