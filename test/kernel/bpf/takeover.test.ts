import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { field } from '../../../server/counters/fields.ts';
import { Agent } from './agent.ts';
import { ethernet, ipv4 } from './frames.ts';
import type { PacketSocket } from './packet-socket.ts';
import { podAddress, Stage } from './stage.ts';

const slot = 5;
const frame = ethernet(0x0800, ipv4());

let stage: Stage;
let agents: Agent[];
let fromPod: PacketSocket;

const start = (): Agent => {
  const agent = new Agent(stage);
  agents.push(agent);
  return agent;
};
const packetsOut = async (agent: Agent): Promise<bigint> => (await agent.read(slot))[field.packetsOut]!;

beforeEach(() => {
  agents = [];
  stage = new Stage();
  stage.addDevice('veth', slot);
  fromPod = stage.packetsFromPod(slot);
});
afterEach(async () => {
  fromPod[Symbol.dispose]();
  for (const agent of agents) await agent.kill();
  stage[Symbol.dispose]();
});

async function startAttached(): Promise<{ agent: Agent; build: string; programIds: number[] }> {
  const agent = start();
  const opened = await agent.open();
  expect(opened.takeover).toBe('loaded');
  await agent.setSlot(slot, { address4: podAddress });
  await agent.attach('tcx/ingress', slot);
  await agent.attach('tcx/egress', slot);
  return { agent, ...opened };
}

test('after SIGKILL packets are still counted, and the next agent counts on with the same programs', async () => {
  const { agent, programIds } = await startAttached();
  fromPod.send(frame, 10);
  expect(await packetsOut(agent)).toBe(10n);
  await agent.kill();
  fromPod.send(frame, 10);

  const next = start();
  const opened = await next.open();
  expect(opened).toMatchObject({ takeover: 'kept', programIds, updatedLinks: 0 });
  expect(await packetsOut(next)).toBe(20n);
  fromPod.send(frame, 10);
  expect(await packetsOut(next)).toBe(30n);
  fromPod.send(ethernet(0x0800, ipv4({ source: '10.42.0.9' })));
  expect((await next.read(slot))[field.droppedOut + 2]).toBe(1n);
});

test('another build replaces the programs: links stay, counters go on', async () => {
  const { agent, build } = await startAttached();
  fromPod.send(frame, 10);
  const [before] = await agent.query(slot, 'tcx/ingress');
  await agent.kill();

  // The same programs in an object of other bytes: what follows the ELF's content is not read.
  const object = join(tmpdir(), `${stage.name}.bpf.o`);
  const committed = readFileSync(new URL('../../../bpf/objects/datapath.bpf.o', import.meta.url));
  writeFileSync(object, Buffer.concat([committed, Buffer.from('another build')]));
  const next = start();
  const opened = await next.open({ object });
  expect(opened).toMatchObject({ takeover: 'replaced', updatedLinks: 2 });
  expect(opened.build).not.toBe(build);
  const [after, ...others] = await next.query(slot, 'tcx/ingress');
  expect(others).toEqual([]);
  expect(after).toMatchObject({ linkId: before!.linkId, ours: true });
  expect(after!.id).not.toBe(before!.id);
  fromPod.send(frame, 10);
  expect(await packetsOut(next)).toBe(20n);
});

test('pinned maps keep their size', async () => {
  const { agent } = await startAttached();
  await agent.kill();
  expect(await start().open({ maxSlots: 1000 })).toMatchObject({ takeover: 'kept', maxSlots: 64 });
});

test('attaching again changes nothing', async () => {
  const { agent } = await startAttached();
  const before = await agent.query(slot, 'tcx/ingress');
  await agent.attach('tcx/ingress', slot);
  expect(await agent.query(slot, 'tcx/ingress')).toEqual(before);
});

test('links of a deleted device are told and taken away, and its slot can be used again', async () => {
  const { agent } = await startAttached();
  fromPod.send(frame, 1);
  stage.removeDevice(slot);
  expect((await agent.links()).map(({ slot, hook }) => [slot, hook])).toEqual([
    [slot, 'tcx/egress'],
    [slot, 'tcx/ingress'],
  ]);
  stage.addDevice('veth', slot);
  await agent.attach('tcx/ingress', slot);
  expect(await agent.query(slot, 'tcx/ingress')).toHaveLength(1);
  await agent.detach(slot);
  expect(await agent.links()).toEqual([]);
  expect(await agent.query(slot, 'tcx/ingress')).toEqual([]);
});

test('a program’s hook tells its id, tag and runs', async () => {
  const { agent, programIds } = await startAttached();
  await agent.holdStatistics();
  fromPod.send(frame, 5);
  const [program] = await agent.query(slot, 'tcx/ingress');
  expect(program).toMatchObject({
    hook: 'tcx/ingress',
    position: 0,
    name: 'from_pod_tcx',
    ours: true,
    runCount: 5,
    tag: expect.stringMatching(/^[0-9a-f]{16}$/),
  });
  expect(programIds).toContain(program!.id);
  expect(program!.nsPerRun).toBeGreaterThan(0);
  expect(Math.abs(Date.parse(program!.loadedAt!) - Date.now())).toBeLessThan(60_000);
});

test('a device that does not exist is refused with what was tried', async () => {
  const { agent } = await startAttached();
  await expect(agent.attach('tcx/ingress', 40)).rejects.toMatchObject({
    code: 'kernel_refused',
    message: 'attach tcx/ingress of ifindex 1048656: No such device (ENODEV)',
  });
  await expect(agent.query(40, 'tcx/ingress')).rejects.toMatchObject({ code: 'device_missing' });
});

test('destroy leaves no program on the device and no pin', async () => {
  const { agent } = await startAttached();
  await agent.destroy();
  const fresh = start();
  expect(await fresh.open()).toMatchObject({ takeover: 'loaded' });
  expect(await fresh.query(slot, 'tcx/ingress')).toEqual([]);
});
