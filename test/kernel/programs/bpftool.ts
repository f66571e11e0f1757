import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import type { BpfMap } from '../../../contract/bpf-map.ts';
import type { BpfLink, BpfProgram } from '../../../contract/program.ts';

/** What bpftool prints: other fields with each version. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type BpftoolJson = any;

/** What bpftool (Debian package bpftool) says, here or in a network namespace. */
export function bpftool<T = BpftoolJson[]>(args: string[], netns?: string): T {
  const command = ['bpftool', '-j', '-f', ...args];
  const [program, ...rest] = netns === undefined ? command : ['nsenter', `--net=${netns}`, ...command];
  return JSON.parse(execFileSync(program!, rest, { encoding: 'utf8', maxBuffer: 1 << 26 }));
}

/** Pairs of what both have: of other tests' some come and go meanwhile. `needed` must be there. */
function pairs<T extends { id: number }>(told: readonly T[], said: BpftoolJson[], needed: readonly number[]) {
  const byId = new Map(said.map((each) => [each.id, each]));
  for (const id of needed) expect(told.some((each) => each.id === id) && byId.has(id), `id ${id}`).toBe(true);
  return told.flatMap((each) => (byId.has(each.id) ? [[each, byId.get(each.id)] as const] : []));
}

/** Program types that an older bpftool prints as numbers, enum bpf_prog_type. */
const typesWithoutName: Record<string, string> = { 32: 'netfilter' };

/** `bpftool prog show`, field by field. */
export function comparePrograms(
  told: readonly BpfProgram[],
  needed: readonly number[],
  agentPid: number,
): void {
  for (const [each, theirs] of pairs(told, bpftool(['prog', 'show']), needed)) {
    expect(each).toMatchObject({
      type: typesWithoutName[theirs.type] ?? theirs.type,
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
      if (pid !== agentPid && each.holders.length < 8)
        expect(each.holders.map((holder) => holder.pid)).toContain(pid);
  }
}

/** `bpftool net show` in the host's namespace: who is at each of its hooks, in which order. */
export function compareHooks(told: readonly BpfProgram[], host: string): void {
  const [said] = bpftool(['net', 'show'], host);
  const inHost = told.flatMap(({ id, attachments }) =>
    attachments.flatMap(({ hook, device, position }) =>
      device?.namespace?.host ? [{ id, place: `${hook} ${device.ifindex}`, position: position! }] : [],
    ),
  );
  const theirs: { id: number; place: string }[] = said.tc.map((each: BpftoolJson) => ({
    id: each.prog_id ?? each.id,
    place: `${each.kind.replace('clsact/', 'tc/')} ${each.ifindex}`,
  }));
  expect(theirs.length).toBeGreaterThan(0);
  for (const place of new Set(theirs.map((each) => each.place)))
    expect(
      inHost
        .filter((each) => each.place === place)
        .sort((a, b) => a.position - b.position)
        .map(({ id }) => id),
      place,
    ).toEqual(theirs.filter((each) => each.place === place).map(({ id }) => id));
  expect(inHost.filter(({ place }) => place.startsWith('xdp')).map(({ place }) => place)).toEqual(
    said.xdp.map(({ ifindex }: BpftoolJson) => `xdp/generic ${ifindex}`),
  );
}

/** `bpftool link show`. */
export function compareLinks(told: readonly BpfLink[], needed: readonly number[]): void {
  for (const [link, theirs] of pairs(told, bpftool(['link', 'show']), needed)) {
    expect(link.programId).toBe(theirs.prog_id);
    // An older bpftool has no names of younger links.
    if (typeof theirs.type === 'string' && !/\d/.test(theirs.type)) expect(link.type).toBe(theirs.type);
    if (typeof theirs.attach_type === 'string') expect(link.attachType).toBe(theirs.attach_type);
  }
}

/** `bpftool map show`, field by field. */
export function compareMaps(told: readonly BpfMap[], needed: readonly number[]): void {
  for (const [map, theirs] of pairs(told, bpftool(['map', 'show']), needed)) {
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
}
