import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeviceKind } from '../../../contract/device.ts';
import type { Event } from '../../../contract/event.ts';
import type { BpfMap, BpfMapDetail, EntryPage, MapEntry } from '../../../contract/map.ts';
import type { Pod } from '../../../contract/pod.ts';
import type { BpfLink, Program, ProgramInstructions, ProgramList } from '../../../contract/program.ts';
import { type RiggedNode, rigNode } from '../../rig/node.ts';
import { attachOthers, type Others } from './others.ts';

/** What bpftool (Debian package bpftool) says, here or in a network namespace. */
function bpftool<T>(args: string[], netns?: string): T {
  const command = ['bpftool', '-j', '-f', ...args];
  const [program, ...rest] = netns === undefined ? command : ['nsenter', `--net=${netns}`, ...command];
  return JSON.parse(execFileSync(program!, rest, { encoding: 'utf8', maxBuffer: 1 << 26 }));
}

/** biome-ignore lint/suspicious/noExplicitAny: whatever bpftool prints */
type Said = any;

/** All programs, maps and links of a node whose pods are on devices of a kind, beside what bpftool says of them. */
export function describePrograms(kind: DeviceKind): void {
  describe(`programs of a node with ${kind}`, () => {
    let node: RiggedNode;
    let cart: Pod;
    let web: Pod;
    let others: Others;
    const list = async () => (await node.ask<ProgramList>('GET', '/programs')).items;
    const program = (id: number) => node.ask<Program>('GET', `/programs/${id}`);
    const maps = async () => (await node.ask<{ items: BpfMap[] }>('GET', '/maps')).items;
    const entries = (id: number, query = '') => node.ask<EntryPage>('GET', `/maps/${id}/entries${query}`);
    const hook = kind === 'netkit' ? 'netkit/peer' : 'tcx/ingress';

    beforeAll(async () => {
      node = await rigNode();
      cart = await node.addPod('cart', ['10.42.0.2/32', 'fd42::2/128'], kind);
      web = await node.addPod('web', '10.42.0.3/32', kind);
      others = await attachOthers(node.host, { ifindex: cart.device!.primary.ifindex, hook });
    });
    afterAll(async () => {
      others?.[Symbol.dispose]();
      await node?.[Symbol.asyncDispose]();
    });

    test('every program is told as bpftool tells it, with whose it is and where it is attached', async () => {
      const told = new Map((await list()).map((each) => [each.id, each]));
      const said = new Map(bpftool<Said[]>(['prog', 'show']).map((each) => [each.id, each]));
      const known = cart.device!.programs.map(({ id }) => id).concat(Object.values(others.programs));
      for (const id of known) expect(told.has(id) && said.has(id)).toBe(true);
      for (const [id, each] of told) {
        const theirs = said.get(id);
        if (theirs === undefined) continue; // Of another test, and gone.
        expect(each).toMatchObject({
          type: theirs.type,
          name: theirs.name ?? '',
          tag: theirs.tag,
          uid: theirs.uid,
          gpl: theirs.gpl_compatible,
          xlatedBytes: theirs.bytes_xlated,
          jitedBytes: theirs.jited ? theirs.bytes_jited : 0,
          memoryBytes: theirs.bytes_memlock,
          mapIds: theirs.map_ids ?? [],
          btfId: theirs.btf_id ?? null,
          pins: theirs.pinned ?? [],
        });
        expect(Math.abs(Date.parse(each.loadedAt) / 1000 - theirs.loaded_at)).toBeLessThan(2);
        for (const { pid } of theirs.pids ?? [])
          if (pid !== node.agentPid && each.holders.length < 8)
            expect(each.holders.map((holder) => holder.pid)).toContain(pid);
      }

      const held = { kind: 'process', pid: process.pid, name: expect.any(String) };
      const device = { ifindex: cart.device!.primary.ifindex, name: cart.device!.primary.name };
      const namespace = { host: true, pod: null, name: 'host' };
      const loopback = { ifindex: 1, name: 'lo', namespace };
      const expected: [keyof Others['programs'], object | null][] = [
        ['xdp', { kind: 'xdp', hook: 'xdp/generic', target: 'lo', device: loopback, position: 0, of: 1 }],
        ['device', { kind: hook.split('/')[0], hook, device: { ...device, namespace }, position: 1, of: 2 }],
        [
          'filter',
          { kind: 'tc', hook: 'tc/egress', device: loopback, position: 0, of: 1, priority: 9, linkId: null },
        ],
        ['cgroup', { kind: 'cgroup', hook: 'cgroup_inet_egress', target: others.cgroup, position: 0, of: 1 }],
        ['tracepoint', { kind: 'raw_tracepoint', target: 'kfree_skb' }],
        [
          'tailCalled',
          {
            kind: 'other',
            hook: 'prog_array',
            target: `map ${others.maps.calls} t_calls[3], for tail calls`,
          },
        ],
        ['socket', null],
      ];
      for (const [name, attachment] of expected) {
        const each = told.get(others.programs[name])!;
        expect(each.owner, name).toEqual(held);
        if (attachment === null)
          expect(each).toMatchObject({
            attachments: [],
            notAttached: expect.stringContaining('which sockets'),
          });
        else expect(each, name).toMatchObject({ attachments: [attachment], attachmentCount: 1 });
      }
      for (const { id, position } of cart.device!.programs) {
        const each = await program(id);
        expect(each.owner).toEqual({ kind: 'ours', what: 'datapath' });
        expect(each.verifiedInstructions).toBeGreaterThan(each.instructions / 4);
        for (const pod of [cart, web])
          expect(each.attachments).toContainEqual(
            expect.objectContaining({
              device: { ...pick(pod), namespace: expect.objectContaining(namespace) },
              position,
              linkId: expect.any(Number),
            }),
          );
      }
      expect((await list()).slice(0, 6).every(({ owner }) => owner.kind === 'ours')).toBe(true);
    });

    test('what bpftool finds at devices of the host is found here, in the same order', async () => {
      const [said] = bpftool<Said[]>(['net', 'show'], node.host);
      const inHost = (await Promise.all((await list()).map(({ id }) => program(id)))).flatMap(
        ({ id, attachments }) =>
          attachments
            .filter(({ device }) => device?.namespace?.host)
            .map(({ kind: of, hook: at, device, position }) => ({
              id,
              kind: of,
              at,
              ifindex: device!.ifindex,
              position,
            })),
      );
      const named = (at: string) => at.replace('clsact/', 'tc/');
      const theirs = said.tc.map((each: Said) => ({
        ...{ id: each.prog_id ?? each.id, at: named(each.kind), ifindex: each.ifindex },
      }));
      expect(theirs.length).toBeGreaterThan(0);
      const places = new Set(theirs.map((each: Said) => `${each.at} ${each.ifindex}`));
      for (const place of places) {
        const here = inHost
          .filter(({ at, ifindex }) => `${at} ${ifindex}` === place)
          .sort((a, b) => a.position! - b.position!);
        expect(here.map(({ id }) => id)).toEqual(
          theirs.filter((each: Said) => `${each.at} ${each.ifindex}` === place).map((each: Said) => each.id),
        );
      }
      expect(said.xdp.map(({ ifindex }: Said) => ifindex)).toEqual([1]);
    });

    test('every link and map is told as bpftool tells it', async () => {
      const links = (await node.ask<{ items: BpfLink[] }>('GET', '/bpf-links')).items;
      const said = new Map(bpftool<Said[]>(['link', 'show']).map((each) => [each.id, each]));
      const ours = links.filter(({ programId }) => cart.device!.programs.some(({ id }) => id === programId));
      expect(ours).toHaveLength(4);
      expect(ours[0]).toMatchObject({
        owner: { kind: 'ours', what: 'datapath' },
        device: { namespace: { host: true } },
      });
      for (const link of links) {
        const theirs = said.get(link.id);
        if (theirs === undefined) continue;
        expect(link.programId).toBe(theirs.prog_id);
        // An older bpftool has no names of younger links.
        if (typeof theirs.type === 'string' && !/\d/.test(theirs.type)) expect(link.type).toBe(theirs.type);
        if (typeof theirs.attach_type === 'string') expect(link.attachType).toBe(theirs.attach_type);
      }

      const theirMaps = new Map(bpftool<Said[]>(['map', 'show']).map((each) => [each.id, each]));
      const all = await maps();
      for (const id of Object.values(others.maps)) expect(all.some((map) => map.id === id)).toBe(true);
      for (const map of all) {
        const theirs = theirMaps.get(map.id);
        if (theirs === undefined) continue;
        expect(map).toMatchObject({
          type: theirs.type,
          name: theirs.name ?? '',
          flags: theirs.flags,
          keyBytes: theirs.bytes_key,
          valueBytes: theirs.bytes_value,
          maxEntries: theirs.max_entries,
          memoryBytes: theirs.bytes_memlock,
          frozen: theirs.frozen === 1,
          pins: theirs.pinned ?? [],
        });
        // Of a map without BTF bpftool 7.1 repeats that of the map before.
        if (map.btfId !== null) expect(map.btfId).toBe(theirs.btf_id);
      }
    });

    test('instructions and their source lines are those that bpftool prints', async () => {
      for (const { id } of cart.device!.programs) {
        const { instructions } = await node.ask<ProgramInstructions>('GET', `/programs/${id}/instructions`);
        const theirs = bpftool<Said[]>(['prog', 'dump', 'xlated', 'id', String(id)]);
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

    test('entries are read by their types, as bpftool does; by pages, searched, exported', async () => {
      const map = (await maps()).find(({ name, owner }) => name === 'endpoints4' && owner.kind === 'ours')!;
      const [theirs, page] = [bpftool<Said[]>(['map', 'dump', 'id', String(map.id)]), await entries(map.id)];
      const formatted = (each: Said) => each.formatted ?? each;
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
        const next: EntryPage = await entries(others.maps.hash, `?limit=128${cursor && `&cursor=${cursor}`}`);
        seen.push(...next.items.map(({ keyHex }) => keyHex));
        cursor = next.next;
      }
      expect([seen.length, new Set(seen).size]).toEqual([300, 300]);
      expect(await entries(others.maps.hash, '?cursor=ffffffff&limit=1')).toMatchObject({
        items: [{ keyHex: expect.any(String) }],
        note: expect.stringContaining('from the beginning'),
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

    test('entries of ours are edited by their types, with what was there before in the history', async () => {
      const mine = (await maps()).filter(({ owner }) => owner.kind === 'ours');
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
      const events = (await node.ask<{ items: Event[] }>('GET', '/events')).items.filter(
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

    test('who looks has runs counted, per second and as a share of a CPU; also always, when chosen', async () => {
      const { id } = cart.device!.programs.find((each) => each.hook === hook)!;
      await program(id);
      node.run(['ping', '-c', '120', '-i', '0.02', '10.42.0.3'], cart.netns.path);
      const each = await program(id);
      expect(each.runCount).toBeGreaterThan(120);
      expect(each.rate!.runsPerSecond).toBeGreaterThan(10);
      expect(each.rate!.cpu).toBeCloseTo((each.rate!.runsPerSecond * each.rate!.nsPerRun!) / 1e9, 6);
      const [theirs] = [bpftool<Said>(['prog', 'show', 'id', String(id)])];
      expect(theirs.run_cnt).toBeGreaterThanOrEqual(each.runCount!);
      expect(await node.ask('PUT', '/programs/statistics', { always: true })).toEqual({
        ...{ on: true, always: true, until: null, problem: null },
      });
      expect((await node.ask<ProgramList>('GET', '/programs')).statistics.always).toBe(true);
      await node.ask('PUT', '/programs/statistics', { always: false });
    });

    test('what comes and goes is seen at once', async () => {
      const before = (await list()).length;
      others[Symbol.dispose]();
      await sleep(50); // The kernel frees programs behind a grace period.
      const after = await list();
      expect(after.length).toBeLessThan(before);
      expect(after.some(({ id }) => id === others.programs.xdp)).toBe(false);
      expect(readFileSync(`/proc/${node.agentPid}/comm`, 'utf8')).not.toBe('');
      others = { ...others, [Symbol.dispose]: () => undefined };
    });
  });
}

const pick = ({ device }: Pod) => ({ ifindex: device!.primary.ifindex, name: device!.primary.name });

/** Kernel symbols are as the reader may see them, and older tools do not know moves of per-CPU pointers. */
const plain = (text: string): string =>
  text
    .replace(/^call pc([+-]\d+).*/, 'call pc$1')
    .replace(/^call .*/, 'call')
    .replace(/&\(void __percpu \*\)\((\w+)\)/, '$1');
