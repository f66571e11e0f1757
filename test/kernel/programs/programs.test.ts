import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import type { BpfMap, BpfMapDetail, MapEntry, MapEntryPage } from '../../../contract/bpf-map.ts';
import type { Pod } from '../../../contract/pod.ts';
import type { BpfLink, BpfProgram, ProgramInstructions, ProgramList } from '../../../contract/program.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { expectForeignObjects } from './attach-points.ts';
import {
  type BpftoolJson,
  bpftool,
  compareHooks,
  compareLinks,
  compareMaps,
  comparePrograms,
} from './bpftool.ts';
import { attachForeignObjects, type ForeignObjects } from './foreign-objects.ts';

let node: TestNode;
let cart: Pod;
let web: Pod;
let others: ForeignObjects;
const list = async () => (await node.ask<ProgramList>('GET', '/programs')).items;
const program = (id: number) => node.ask<BpfProgram>('GET', `/programs/${id}`);
const maps = async () => (await node.ask<{ items: BpfMap[] }>('GET', '/maps')).items;
const entries = (id: number, query = '') => node.ask<MapEntryPage>('GET', `/maps/${id}/entries${query}`);
const hook = 'tcx/ingress';

beforeAll(async () => {
  node = await startTestNode();
  cart = await node.addPod('cart', ['10.42.0.2/32', 'fd42::2/128'], 'veth');
  web = await node.addPod('web', '10.42.0.3/32', 'veth');
  others = await attachForeignObjects(node.host, { ifindex: cart.device!.primary.ifindex, hook });
});
afterAll(async () => {
  others?.[Symbol.dispose]();
  await node?.[Symbol.asyncDispose]();
});

test('every program agrees with bpftool, with its owner and its attachments in order', async () => {
  const told = await list();
  const ours = cart.device!.programs;
  comparePrograms(told, [...ours.map(({ id }) => id), ...Object.values(others.programs)], node.agentPid);
  compareHooks(await Promise.all(told.map(({ id }) => program(id))), node.host);
  expectForeignObjects(told, others, { hook, device: pick(cart), before: 1 });
  for (const id of Object.values(others.programs))
    expect(told.find((each) => each.id === id)!.owner).toMatchObject({ kind: 'process', pid: process.pid });
  for (const { id, position } of ours) {
    const each = await program(id);
    expect(each.owner).toEqual({ kind: 'podlane', what: 'datapath' });
    expect(each.verifiedInstructions).toBeGreaterThan(each.instructions / 4);
    const namespace = expect.objectContaining({ host: true });
    for (const pod of [cart, web])
      expect(each.attachments).toContainEqual(
        expect.objectContaining({
          device: { ...pick(pod), namespace },
          position,
          linkId: expect.any(Number),
        }),
      );
  }
  expect(told.slice(0, 6).every(({ owner }) => owner.kind === 'podlane')).toBe(true);
});

test('every link and map agrees with bpftool', async () => {
  const links = (await node.ask<{ items: BpfLink[] }>('GET', '/bpf-links')).items;
  const ours = links.filter(({ programId }) => cart.device!.programs.some(({ id }) => id === programId));
  expect(ours).toHaveLength(4);
  expect(ours[0]).toMatchObject({
    owner: { kind: 'podlane', what: 'datapath' },
    device: { namespace: { host: true } },
  });
  compareLinks(
    links,
    ours.map(({ id }) => id),
  );
  // A map that allocates its elements one by one may grow between the two readings.
  await vi.waitFor(async () => compareMaps(await maps(), Object.values(others.maps)), { timeout: 8000 });
});

test('instructions and source lines agree with bpftool', async () => {
  for (const { id } of cart.device!.programs) {
    const { instructions } = await node.ask<ProgramInstructions>('GET', `/programs/${id}/instructions`);
    const theirs = bpftool(['prog', 'dump', 'xlated', 'id', String(id)]);
    expect(instructions.map(({ text }) => plain(text))).toEqual(
      theirs.map(({ disasm }) => plain(disasm.replace(/^\(..\) /, ''))),
    );
    expect(instructions[0]!.function).toBe((await program(id)).fullName);
    expect(
      instructions.filter(({ source }) => source?.file.endsWith('datapath.bpf.c')).length,
    ).toBeGreaterThan(20);
    expect(instructions.some(({ text }) => /^call bpf_\w+#/.test(text))).toBe(true);
  }
});

test('entries are decoded by their types as by bpftool, in pages, searched and exported', async () => {
  const map = (await maps()).find(({ name, owner }) => name === 'endpoints4' && owner.kind === 'podlane')!;
  const [theirs, page] = [bpftool(['map', 'dump', 'id', String(map.id)]), await entries(map.id)];
  const formatted = (each: BpftoolJson) => each.formatted ?? each;
  expect(page.items.map(({ key, value }) => ({ key, value }))).toEqual(
    theirs.map((each) => ({ key: formatted(each).key, value: formatted(each).value })),
  );
  expect((await entries(map.id, '?search=10.42.0.3')).items.map(({ keyText }) => keyText)).toEqual([
    expect.stringContaining('10.42.0.3'),
  ]);
  const detail = await node.ask<BpfMapDetail>('GET', `/maps/${map.id}`);
  expect(detail).toMatchObject({
    entries: 2,
    keyType: { name: 'struct podlane_address4' },
    untyped: null,
  });
  const exported = await node.ask<{ map: BpfMapDetail; entries: MapEntry[]; note: null }>(
    'GET',
    `/maps/${map.id}/export`,
  );
  expect(exported).toEqual({ map: detail, entries: page.items, note: null });

  const seen: unknown[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const next: MapEntryPage = await entries(others.maps.hash, `?limit=128${cursor && `&cursor=${cursor}`}`);
    seen.push(...next.items.map(({ keyHex }) => keyHex));
    cursor = next.next;
  }
  expect([seen.length, new Set(seen).size]).toEqual([300, 300]);
  expect(await entries(others.maps.hash, '?cursor=ffffffff&limit=1')).toMatchObject({
    items: [{ keyHex: expect.any(String) }],
    note: expect.stringContaining('starting over'),
  });
  expect((await entries(others.maps.prefixes)).items.map(({ keyText }) => keyText).sort()).toEqual([
    '10.0.0.0/8',
    '10.42.7.0/24',
  ]);
  const [first] = (await entries(others.maps.perCpu)).items;
  expect(first).toMatchObject({ key: 0, value: null, cpus: expect.any(Array) });
  await expect(entries(others.maps.records)).rejects.toMatchObject({ code: 'unprocessable' });
  await expect(entries(0xfffffff)).rejects.toMatchObject({ code: 'map_not_found' });
  await expect(program(0xfffffff)).rejects.toMatchObject({ code: 'program_not_found' });
});

test('entries of Podlane’s maps are edited by their types, and events have the previous values', async () => {
  const mine = (await maps()).filter(({ owner }) => owner.kind === 'podlane');
  const { id } = mine.find(({ name }) => name === 'endpoints4')!;
  const put = (map: number, entry: object) => node.ask<MapEntry>('PUT', `/maps/${map}/entries`, entry);
  const [entry] = (await entries(id, '?search=10.42.0.3')).items;
  const value = { ...(entry!.value as object), owner: 77 };
  expect(await put(id, { key: entry!.key, value })).toMatchObject({ keyHex: entry!.keyHex, value });
  expect((await entries(id, '?search=10.42.0.3')).items[0]!.value).toEqual(value);
  await expect(put(id, { key: entry!.key, value: { ...value, owner: -1 } })).rejects.toMatchObject({
    code: 'bad_entry',
    errors: [{ path: 'body.value.owner' }],
  });
  await node.ask('DELETE', `/maps/${id}/entries?key=${entry!.keyHex}`);
  await expect(node.ask('DELETE', `/maps/${id}/entries?key=${entry!.keyHex}`)).rejects.toMatchObject({
    code: 'entry_not_found',
  });
  await put(id, { key: entry!.key, value: entry!.value });
  const events = (await node.ask<{ items: AgentEvent[] }>('GET', '/events')).items.filter(
    ({ type }) => type === 'map.edited',
  );
  expect(events.map(({ message }) => message)).toEqual([
    expect.stringContaining('is new'),
    expect.stringMatching(/deleted from map endpoints4 .*"owner":77/),
    expect.stringMatching(/10\.42\.0\.3.* from .*"owner":\d+.* to .*"owner":77/),
  ]);
  const refused = [
    ...['counters', 'datapath.rodata'].map((name) => mine.find((map) => map.name === name)!.id),
    others.maps.hash,
  ];
  for (const other of refused)
    await expect(put(other, { key: 0, value: 0 })).rejects.toMatchObject({ code: 'map_not_editable' });
});

test('run statistics are on after a request, or always if chosen', async () => {
  const { id } = cart.device!.programs.find((each) => each.hook === hook)!;
  await program(id);
  node.run(['ping', '-c', '120', '-i', '0.02', '10.42.0.3'], cart.netns.path);
  const each = await program(id);
  expect(each.runCount).toBeGreaterThan(120);
  expect(each.rate!.runsPerSecond).toBeGreaterThan(10);
  expect(each.rate!.cpu).toBeCloseTo((each.rate!.runsPerSecond * each.rate!.nsPerRun!) / 1e9, 6);
  const [theirs] = [bpftool<BpftoolJson>(['prog', 'show', 'id', String(id)])];
  expect(theirs.run_cnt).toBeGreaterThanOrEqual(each.runCount!);
  expect(await node.ask('PUT', '/programs/statistics', { always: true })).toEqual({
    on: true,
    always: true,
    until: null,
    problem: null,
  });
  expect((await node.ask<ProgramList>('GET', '/programs')).statistics.always).toBe(true);
  await node.ask('PUT', '/programs/statistics', { always: false });
});

test('added and removed objects are seen at once', async () => {
  expect((await list()).some(({ id }) => id === others.programs.xdp)).toBe(true);
  others[Symbol.dispose]();
  await vi.waitFor(
    async () => {
      const there = (await list()).map(({ id }) => id);
      // The filter's device keeps its program.
      for (const [name, id] of Object.entries(others.programs))
        if (name !== 'filter') expect(there, name).not.toContain(id);
    },
    { timeout: 8000, interval: 20 }, // The kernel frees programs behind a grace period.
  );
});

const pick = ({ device }: Pod) => ({ ifindex: device!.primary.ifindex, name: device!.primary.name });

/** Kernel symbols are as the reader may see them, and older tools do not know moves of per-CPU pointers. */
const plain = (text: string): string =>
  text
    .replace(/^call pc([+-]\d+).*/, 'call pc$1')
    .replace(/^call .*/, 'call')
    .replace(/&\(void __percpu \*\)\((\w+)\)/, '$1');
