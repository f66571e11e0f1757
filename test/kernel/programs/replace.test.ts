import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { counterIndexByName } from '../../../server/bpf/counter-layout.ts';
import { anotherBuild, renamedObject } from '../../testbed/builds.ts';
import { Agent, type Opened } from '../bpf/agent.ts';
import { DeviceFixture, podAddress } from '../bpf/device-fixture.ts';
import { ethernet, ipv4 } from '../bpf/frames.ts';

const frame = ethernet(0x0800, ipv4());
const slots = [1, 2, 3];
const hooks = ['tcx/ingress', 'tcx/egress'] as const;
const entry = { owner: 1, address4: podAddress, hooks: 'primary', redirect: false, macs: null } as const;

let fixture: DeviceFixture;
let agent: Agent;
let first: Opened;
let folder: string;

const object = (image: Buffer): string => {
  const file = join(folder, 'build.o');
  writeFileSync(file, image);
  return file;
};
const running = async (): Promise<Set<number>> => {
  const ids = new Set<number>();
  for (const slot of slots)
    for (const hook of hooks) for (const { id } of await agent.query(slot, hook)) ids.add(id);
  return ids;
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podlane-replace-'));
  fixture = new DeviceFixture();
  for (const slot of slots) fixture.addDevice('veth', slot);
  agent = new Agent(fixture);
  first = await agent.open();
  for (const slot of slots) {
    await agent.setSlot(slot, entry);
    for (const hook of hooks) await agent.attach(hook, slot);
  }
});
afterAll(async () => {
  await agent?.kill();
  fixture?.[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

test('every packet is counted exactly once before, during and after the replacement of all links', async () => {
  using fromPod = fixture.packetsFromPod(1);
  const foreign = await agent.loadForeign('foreign');
  await agent.attachForeign(foreign, 'tcx/ingress', 1, 'tail');
  let replacing = true;
  const replaced = agent.replace(object(anotherBuild())).finally(() => {
    replacing = false;
  });
  let sent = 0;
  while (replacing) {
    fromPod.send(frame, 20);
    sent += 20;
    await nextTurn();
  }
  expect(await replaced).toMatchObject({ replaced: 6 });
  fromPod.send(frame, 20);
  expect((await agent.read(1))[counterIndexByName.egressPackets]).toBe(BigInt(sent + 20));
  expect(sent).toBeGreaterThan(100);
  // Ours in its place, before the other.
  const [ours, other, ...more] = await agent.query(1, 'tcx/ingress');
  expect([ours!.ours, other!.id, more]).toEqual([true, foreign, []]);
  await agent.detachForeign(foreign, 'tcx/ingress', 1);
  expect([...(await running())].some((id) => first.programIds.includes(id))).toBe(false);
});

test('a failure halfway restores the previous programs on all devices', async () => {
  const before = await running();
  await expect(agent.replace(object(anotherBuild('a third')), 3)).rejects.toThrow('failed after 3');
  expect(await running()).toEqual(before);
  using fromPod = fixture.packetsFromPod(2);
  fromPod.send(frame, 7);
  expect((await agent.read(2))[counterIndexByName.egressPackets]).toBe(7n);
});

test('an incompatible object is refused with the differences, and nothing changes', async () => {
  const before = await running();
  await expect(agent.replace(object(renamedObject('to_pod_tcx', 'to_pod_xct')))).rejects.toMatchObject({
    code: 'build_incompatible',
    message: 'to_pod_tcx: the program is missing',
  });
  await expect(agent.replace(object(renamedObject('endpoints4\0', 'endpointsX\0')))).rejects.toMatchObject({
    code: 'build_incompatible',
    message: 'endpoints4: the map is missing',
  });
  await expect(agent.replace(object(Buffer.from('no object')))).rejects.toMatchObject({ code: 'bad_object' });
  expect(await running()).toEqual(before);
});

test('a link whose device was deleted meanwhile does not prevent the others', async () => {
  fixture.removeDevice(3);
  expect(await agent.replace(object(anotherBuild('a fourth')))).toMatchObject({ replaced: 4 });
});

test('the next agent finds the running programs pinned and keeps the chosen build', async () => {
  const fourth = object(anotherBuild('a fourth'));
  const { build, programIds } = await agent.replace(fourth);
  await agent.kill();
  agent = new Agent(fixture);
  expect(await agent.open({ object: fourth })).toMatchObject({ takeover: 'kept', build, programIds });
});
