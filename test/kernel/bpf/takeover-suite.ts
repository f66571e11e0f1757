import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DeviceKind } from '../../../contract/device.ts';
import { createMmapableArrayMap } from '../../../server/bpf/array-map.ts';
import { counterIndexByName } from '../../../server/bpf/counter-layout.ts';
import { type EndpointEntry, slotEntrySize } from '../../../server/bpf/datapath-structs.ts';
import type { LinkHook } from '../../../server/bpf/hook.ts';
import { removePin, replacePin } from '../../../server/bpf/pin.ts';
import { Agent } from './agent.ts';
import { DeviceFixture, podAddress } from './device-fixture.ts';
import { ethernet, ipv4 } from './frames.ts';
import type { PacketSocket } from './packet-socket.ts';

const slot = 5;
const frame = ethernet(0x0800, ipv4());
const spoofed = ethernet(0x0800, ipv4({ source: '10.42.0.9' }));

/** What an agent finds pinned by the one before, on a device of `kind` with our programs at `out` and `into`. */
export function describeTakeover(kind: DeviceKind, out: LinkHook, into: LinkHook): void {
  describe(`taking over ${kind}, ${out} and ${into}`, () => {
    const entry = {
      owner: 1,
      address4: podAddress,
      hooks: out === 'netkit/peer' ? 'device' : 'primary',
      redirect: false,
      macs: null,
    } as const;
    let fixture: DeviceFixture;
    let directory: string;
    let agents: Agent[];
    let fromPod: PacketSocket;

    const start = (): Agent => {
      const agent = new Agent(fixture);
      agents.push(agent);
      return agent;
    };
    const egressPackets = async (agent: Agent): Promise<bigint> =>
      (await agent.read(slot))[counterIndexByName.egressPackets]!;

    function setUp(): void {
      agents = [];
      fixture = new DeviceFixture();
      directory = mkdtempSync(join(tmpdir(), 'podlane-takeover-'));
      fixture.addDevice(kind, slot);
      fromPod = fixture.packetsFromPod(slot);
    }
    async function tearDown(): Promise<void> {
      fromPod[Symbol.dispose]();
      for (const agent of agents) await agent.kill();
      fixture[Symbol.dispose]();
      rmSync(directory, { recursive: true });
    }

    /** The same programs in an object of other bytes: what follows the ELF's content is not read. */
    function anotherBuild(): string {
      const object = join(directory, 'datapath.bpf.o');
      const committed = readFileSync(new URL('../../../bpf/objects/datapath.bpf.o', import.meta.url));
      writeFileSync(object, Buffer.concat([committed, Buffer.from('another build')]));
      return object;
    }

    /** Puts an array in the place of a pinned map. */
    function pinArray(name: string, valueBytes: number, entries: number): void {
      const fd = createMmapableArrayMap(name, valueBytes, entries);
      replacePin(fd, `${fixture.pins}/maps/${name}`);
      closeSync(fd);
    }

    async function startAttached(): Promise<{ agent: Agent; build: string; programIds: number[] }> {
      const agent = start();
      const opened = await agent.open();
      expect(opened.takeover).toBe('loaded');
      await agent.setSlot(slot, entry);
      await agent.attach(out, slot);
      await agent.attach(into, slot);
      return { agent, ...opened };
    }

    // One device for all, each test on what the one before left: an emulated guest takes ten seconds to load programs.
    describe('one device', () => {
      let attached: Awaited<ReturnType<typeof startAttached>>;
      beforeAll(async () => {
        setUp();
        attached = await startAttached();
      });
      afterAll(tearDown);

      test('attaching again changes nothing', async () => {
        const { agent } = attached;
        const before = await agent.query(slot, out);
        await agent.attach(out, slot);
        expect(await agent.query(slot, out)).toEqual(before);
      });

      test('a hook query returns a program’s id, tag and run count', async () => {
        const { agent, programIds } = attached;
        await agent.holdStatistics();
        fromPod.send(frame, 5);
        const [program] = await agent.query(slot, out);
        expect(program).toMatchObject({
          hook: out,
          position: 0,
          name: `from_pod_${kind === 'netkit' ? 'netkit' : 'tcx'}`,
          ours: true,
          runCount: 5,
          tag: expect.stringMatching(/^[0-9a-f]{16}$/),
        });
        expect(programIds).toContain(program!.id);
        expect(program!.nsPerRun).toBeGreaterThan(0);
        expect(Math.abs(Date.parse(program!.loadedAt!) - Date.now())).toBeLessThan(60_000);
      });

      test('a missing device is an error that names the operation', async () => {
        const { agent } = attached;
        await expect(agent.attach(out, 40)).rejects.toMatchObject({
          code: 'kernel_refused',
          message: `attach a program to ${out} of ifindex 1048656: No such device (ENODEV)`,
        });
        await expect(agent.query(40, out)).rejects.toMatchObject({ code: 'device_missing' });
      });

      test('after SIGKILL packets are still counted, and the next agent keeps the programs and counters', async () => {
        const { agent, programIds } = attached;
        const before = await egressPackets(agent);
        fromPod.send(frame, 10);
        expect(await egressPackets(agent)).toBe(before + 10n);
        await agent.kill();
        fromPod.send(frame, 10);

        const next = start();
        const opened = await next.open();
        attached = { ...attached, agent: next };
        expect(opened).toMatchObject({ takeover: 'kept', programIds, updatedLinks: 0 });
        expect(await egressPackets(next)).toBe(before + 20n);
        fromPod.send(frame, 10);
        expect(await egressPackets(next)).toBe(before + 30n);
        fromPod.send(spoofed);
        expect((await next.read(slot))[counterIndexByName['egressDroppedPackets.spoofed_source']]).toBe(1n);
      });

      test('another build replaces the programs: links stay and counters continue', async () => {
        const { agent, build } = attached;
        const packets = await egressPackets(agent);
        const [before] = await agent.query(slot, out);
        await agent.kill();

        const next = start();
        const opened = await next.open({ object: anotherBuild() });
        attached = { agent: next, ...opened };
        expect(opened).toMatchObject({ takeover: 'replaced', updatedLinks: 2 });
        expect(opened.build).not.toBe(build);
        const [after, ...others] = await next.query(slot, out);
        expect(others).toEqual([]);
        expect(after).toMatchObject({ linkId: before!.linkId, ours: true });
        expect(after!.id).not.toBe(before!.id);
        fromPod.send(frame, 10);
        expect(await egressPackets(next)).toBe(packets + 10n);
      });

      test('links of a removed device are listed and can be detached, and its slot can be reused', async () => {
        const { agent } = attached;
        fromPod.send(frame, 1);
        fixture.removeDevice(slot);
        expect((await agent.links()).map(({ slot, hook }) => [slot, hook]).sort()).toEqual(
          [
            [slot, into],
            [slot, out],
          ].sort(),
        );
        fixture.addDevice(kind, slot);
        await agent.attach(out, slot);
        expect(await agent.query(slot, out)).toHaveLength(1);
        await agent.detach(slot);
        expect(await agent.links()).toEqual([]);
        expect(await agent.query(slot, out)).toEqual([]);
      });

      test('destroy removes all programs from the device and all pins', async () => {
        const { agent } = attached;
        await agent.attach(out, slot);
        await agent.destroy();
        const fresh = start();
        expect(await fresh.open()).toMatchObject({ takeover: 'loaded' });
        expect(await fresh.query(slot, out)).toEqual([]);
      });
    });

    // Maps and pins are the same whatever the device: veth alone has the tests of them.
    if (kind !== 'veth') return;
    describe('a device of its own', () => {
      beforeEach(setUp);
      afterEach(tearDown);

      test.each([
        ['keeps its maps', () => {}],
        ['knew no endpoints', () => removePin(`${fixture.pins}/maps/endpoints4`)],
        ['had smaller slots', () => pinArray('slots', 24, 64)],
        ['was killed after it made new maps', () => pinArray('slots', slotEntrySize, 64)],
      ])('a build that follows one that %s checks every packet, and counts on', async (_, before) => {
        const { agent } = await startAttached();
        await agent.setEndpoint('10.42.0.3', { slot, owner: 7 });
        fromPod.send(frame, 10);
        await agent.kill();
        before();

        const object = anotherBuild();
        const next = start();
        const opening = next.open({ object, fill: { slots: [[slot, entry]], endpoints: [] } });
        let opened: Awaited<typeof opening> | null = null;
        void opening.then((answer) => {
          opened = answer;
        });
        let sent = 0;
        while (opened === null) {
          fromPod.send(spoofed, 5);
          sent += 5;
          await nextTurn();
        }
        expect(await opening).toMatchObject({ takeover: 'replaced', updatedLinks: 2, maxSlots: 64 });
        fromPod.send(frame, 10);
        const counters = await next.read(slot);
        expect(sent).toBeGreaterThan(20);
        expect([
          counters[counterIndexByName.egressPackets],
          counters[counterIndexByName['egressDroppedPackets.spoofed_source']],
        ]).toEqual([20n, BigInt(sent)]);
        expect(await next.readSlot(slot)).toMatchObject(entry);
      });

      test('when filling the maps fails, the links keep their programs', async () => {
        const { agent } = await startAttached();
        await agent.kill();
        const fill = { slots: [], endpoints: [['10.42.0', { slot, owner: 1 }]] as [string, EndpointEntry][] };
        const next = start();
        await expect(next.open({ object: anotherBuild(), fill })).rejects.toThrow('not an IPv4 address');
        fromPod.send(frame, 10);
        expect(await start().open()).toMatchObject({ takeover: 'replaced' });
        expect(await egressPackets(agents.at(-1)!)).toBe(10n);
      });

      test('slots and endpoints survive a restart', async () => {
        const { agent } = await startAttached();
        const entry = {
          owner: 7,
          address4: podAddress,
          address6: 'fd00::2',
          hooks: 'primary',
          redirect: true,
          macs: { toPod: '02:70:6c:00:00:43', fromPod: '02:70:6c:00:00:42' },
        } as const;
        await agent.setSlot(9, entry);
        const endpoints = Array.from({ length: 500 }, (_, i) => ({
          address: i % 2 ? `fd00::${(i + 1).toString(16)}` : `10.42.${i >> 8}.${i & 255}`,
          slot: i % 64,
          owner: i + 1,
        }));
        for (const { address, ...endpoint } of endpoints) await agent.setEndpoint(address, endpoint);
        await agent.setEndpoint('fd00::ffff', { slot: 1, owner: 1 });
        await agent.removeEndpoint('fd00::ffff');
        await agent.removeEndpoint('fd00::ffff');
        await agent.kill();
        const next = start();
        await next.open();
        expect(await next.readSlot(9)).toMatchObject({ ...entry, check: true, sourcePrefixes: false });
        expect(await next.readSlot(10)).toBeNull();
        const byOwner = (await next.endpoints()).sort((a, b) => a.owner - b.owner);
        expect(byOwner).toEqual(endpoints);
        await expect(next.setEndpoint('fd00::5', { slot: 64, owner: 1 })).rejects.toThrow('slot 64 of 64');
      });

      test('pinned maps keep their size', async () => {
        const { agent } = await startAttached();
        await agent.kill();
        expect(await start().open({ maxSlots: 1000 })).toMatchObject({ takeover: 'kept', maxSlots: 64 });
      });
    });
  });
}
