import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../contract/cidr.ts';
import { ruleSetSchema } from '../../../contract/rule-set.ts';
import { compileRules } from '../../../server/acl/compile/compile.ts';
import { RuleLoader } from '../../../server/acl/load/rule-loader.ts';
import { encodeMacAddress } from '../../../server/bpf/address-encoding.ts';
import type { DatapathPrograms } from '../../../server/bpf/datapath.ts';
import { openDatapath } from '../../../server/bpf/open-datapath.ts';
import type { TraceEvent } from '../../../server/bpf/packet-events.ts';
import { Agent } from '../bpf/agent.ts';
import { entryOf, type FixturePod, hooksOf, NodeFixture, type PodDevice } from '../bpf/node-fixture.ts';
import type { PacketSocket } from '../bpf/packet-socket.ts';
import { frame } from './packets.ts';

/** Who comes in by the rules of this test: UDP to ports from 1000 to 1999. */
const rules = ruleSetSchema.parse({
  name: 'tested',
  defaults: { ingress: 'deny', egress: 'allow' },
  rules: [
    {
      name: 'in',
      direction: 'ingress',
      subject: { all: true },
      protocol: 'udp',
      ports: [{ from: 1000, to: 1999 }],
      action: 'allow',
    },
  ],
});

/** Real packets between two pods, whose programs are where `from` and `to` say. */
export function describeRuleHooks(from: PodDevice, to: PodDevice): void {
  describe(`rules at ${from.kind} ${from.hooks} and ${to.kind} ${to.hooks}`, () => {
    let fixture: NodeFixture;
    let agent: Agent;
    let programs: DatapathPrograms;
    let loader: RuleLoader;
    let a: FixturePod;
    let b: FixturePod;
    let framesOfA: PacketSocket;
    let framesOfB: PacketSocket;

    beforeAll(async () => {
      fixture = new NodeFixture();
      agent = new Agent(fixture);
      await agent.open();
      [a, b] = [fixture.addPod(1, from), fixture.addPod(2, to)];
      for (const pod of [a, b]) {
        await agent.setSlot(pod.slot, entryOf(pod));
        for (const address of [pod.address4, pod.address6])
          await agent.setEndpoint(address, { slot: pod.slot, owner: pod.slot });
        await agent.attachBoth(pod.slot, pod.device.hooks);
      }
      framesOfA = fixture.frames(a);
      framesOfB = fixture.frames(b);
      programs = await openDatapath({ pins: fixture.pins, maxSlots: 64 });
      loader = new RuleLoader(programs.ruleMaps, { slots: programs.maxSlots });
      const pods = [a, b].map(({ slot, address4, address6 }) => ({
        id: `${slot}`,
        namespace: 'shop',
        name: `${slot}`,
        labels: {},
        addresses: [`${address4}/32`, `${address6}/128`],
      }));
      const { tables } = compileRules(rules, pods);
      await loader.load('active', { tables, defaults: rules.defaults }, Number);
    });
    afterAll(async () => {
      framesOfA?.[Symbol.dispose]();
      framesOfB?.[Symbol.dispose]();
      await loader?.close();
      programs?.close();
      await agent?.kill();
      fixture?.[Symbol.dispose]();
    });

    function send(from: FixturePod, to: FixturePod, family: 4 | 6, sourcePort: number, port: number): void {
      const address = (pod: FixturePod) => parseAddress(family === 4 ? pod.address4 : pod.address6);
      const ports = { sourcePort, destinationPort: port };
      const bytes = frame({ source: address(from), destination: address(to), protocol: 17, ...ports });
      if (from.macs)
        bytes.set([...encodeMacAddress(from.macs.fromPod), ...encodeMacAddress(from.macs.toPod)]);
      (from === a ? framesOfA : framesOfB).send(bytes);
    }
    const arrives = async (
      at: FixturePod,
      family: 4 | 6,
      port: number,
      limitMs: number,
    ): Promise<boolean> => {
      const udp = 14 + (family === 4 ? 20 : 40);
      const wanted = (frame: Buffer) =>
        frame.length === udp + 8 &&
        frame[udp - (family === 4 ? 11 : 34)] === 17 &&
        frame.readUInt16BE(udp + 2) === port;
      return (await (at === a ? framesOfA : framesOfB).find(wanted, limitMs)) !== null;
    };

    test.each([4, 6] as const)(
      'what may come in does, and is answered; what may not does not: IPv%i',
      async (family) => {
        send(a, b, family, 500 + family, 1500);
        expect(await arrives(b, family, 1500, 2000)).toBe(true);
        send(b, a, family, 1500, 500 + family);
        expect(await arrives(a, family, 500 + family, 2000)).toBe(true);
        send(a, b, family, 500 + family, 2500);
        send(b, a, family, 2501, 500 + family);
        send(a, b, family, 500 + family, 1501);
        // Behind the others, so that they would have come before.
        expect(await arrives(b, family, 1501, 2000)).toBe(true);
        expect(await arrives(b, family, 2500, 0)).toBe(false);
        expect(await arrives(a, family, 500 + family, 0)).toBe(false);
      },
    );

    test('a trace reports each program’s run: out of one pod, into the other, or the drop there', async () => {
      const events: TraceEvent[] = [];
      const stop = loader.onTraceEvents((batch) => events.push(...batch));
      loader.setTraceFilters([
        { id: 7, address: b.address4, protocol: 17, port: 3100 },
        { id: 8, owner: 2, port: 1100 },
      ]);
      send(a, b, 4, 900, 3100);
      send(a, b, 4, 900, 1100);
      send(a, b, 4, 900, 1200);
      await expect.poll(() => events.length, { timeout: 20_000 }).toBe(3);
      loader.setTraceFilters([]);
      stop();
      const out = {
        id: 7,
        hook: hooksOf[from.hooks].egress,
        slot: 1,
        owner: 1,
        verdict: 'redirected',
        target: 2,
      };
      const into = { hook: hooksOf[to.hooks].ingress, slot: 2, owner: 2, length: 28 };
      expect(events).toEqual([
        expect.objectContaining(out),
        expect.objectContaining({ ...into, id: 7, verdict: 'dropped', reason: 'denied', rule: 0 }),
        expect.objectContaining({ ...into, id: 8, verdict: 'next', reason: null }),
      ]);
      expect(events[2]!.headers.length).toBe(28);
      expect(events[2]!.headers.readUInt16BE(22)).toBe(1100);
    });

    // Programs of a fallen back device are on its primary, while those on its own hooks are taken off.
    if (to.hooks === 'netkit')
      test('while hooks are moved, no packet enters without an evaluation', async () => {
        await agent.attachBoth(b.slot, 'tcx');
        for (let turn = 0; turn < 20; turn += 1) {
          await agent.setSlot(b.slot, { ...entryOf(b), hooks: turn % 2 === 0 ? 'primary' : 'device' });
          for (let i = 0; i < 20; i += 1) send(a, b, 4, 901, 2600);
        }
        send(a, b, 4, 901, 1600);
        expect(await arrives(b, 4, 1600, 2000)).toBe(true);
        expect(await arrives(b, 4, 2600, 0)).toBe(false);
      });
  });
}
