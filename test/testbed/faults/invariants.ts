import { closeSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { HookFamily } from '../../../contract/device.ts';
import type { Pod } from '../../../contract/pod.ts';
import { BpfArrayMap } from '../../../server/bpf/array-map.ts';
import {
  computeSlotFromIfindex,
  decodeEndpointEntry,
  decodeEndpointKey,
  decodeSlotEntry,
  slotEntrySize,
  slotToPeerIfindex,
  slotToPrimaryIfindex,
} from '../../../server/bpf/datapath-structs.ts';
import { BpfHashMap } from '../../../server/bpf/hash-map.ts';
import { openPinnedObject } from '../../../server/bpf/pin.ts';
import { countingHooks } from '../../../server/datapath/device/podlane-programs.ts';
import { podlaneProgramHooks } from '../../../server/datapath/device/program-hooks.ts';
import { listAddresses as addressesOf } from '../../../server/netlink/address.ts';
import { listLinks } from '../../../server/netlink/link.ts';
import { type KernelNeighbor, listNeighbors } from '../../../server/netlink/neighbor.ts';
import { listRoutes as routesOf } from '../../../server/netlink/route.ts';
import { type KernelRoute, routeProtocols } from '../../../server/netlink/route-message.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import type { NodeObservation } from './agent.ts';
import { addresses, type FaultFixture, maxSlots, routes } from './fixture.ts';

export type Family = 'ipv4' | 'ipv6';
/** Something that is not as it has to be. Without a family it is wrong in both. */
export interface Violation {
  family: Family | null;
  what: string;
}

const bare = (cidr: string): string => cidr.split('/')[0]!;
const familyOf = (text: string): Family => (text.includes(':') ? 'ipv6' : 'ipv4');
const same = (a: readonly string[], b: readonly string[]): boolean =>
  JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());

/** Compares kernel, pins, maps and agent with a node of one pod that stays and, unless it is gone, one that moved. */
export async function findViolations(fixture: FaultFixture, observed: NodeObservation): Promise<Violation[]> {
  const { pod } = observed;
  const slots = [fixture.still.slot, ...(pod ? [pod.slot] : [])];
  return [
    ...common(observed, slots.length),
    ...(await leftovers(fixture, slots, pod?.hooks ?? fixture.still.hooks)),
    ...maps(fixture, pod),
    ...(pod ? hooks(pod) : []),
    ...(pod ? await inside(fixture, pod) : []),
  ];
}

const violation = (what: string, family: Family | null = null): Violation => ({ family, what });

function common({ listed, pod, used, wentBack }: NodeObservation, devices: number): Violation[] {
  return [
    ...wentBack.map((what) => violation(`counters: ${what}`)),
    ...(used === devices ? [] : [violation(`${used} slots are used, not ${devices}`)]),
    ...(listed && !pod ? [violation('the pod is listed although its namespace is gone')] : []),
    ...(pod && pod.state !== 'running' ? [violation(`the pod is ${pod.state}`)] : []),
    ...(pod && !pod.device ? [violation('the pod has no device')] : []),
    ...(pod?.attention ?? []).map((sentence) => violation(`attention: ${sentence}`)),
  ];
}

async function leftovers(
  fixture: FaultFixture,
  slots: readonly number[],
  hooks: HookFamily,
): Promise<Violation[]> {
  // Filters of clsact have no links.
  const pinned = hooks === 'tc' ? [] : slots;
  // By ifindex: a pod's primary keeps its name over migrations.
  const there = (await listLinks(fixture.socket))
    .filter(({ name }) => /^p[ln]\d/.test(name))
    .map(({ ifindex }) => `slot ${computeSlotFromIfindex(ifindex)}`);
  const pins = readdirSync(join(fixture.pins, 'links')).map((name) => Number.parseInt(name, 10));
  const expected = slots.map((slot) => `slot ${slot}`);
  return [
    ...(same(there, expected)
      ? []
      : [violation(`the host has ${there.join(', ')}, not ${expected.join(', ')}`)]),
    ...(same(
      pins.map(String),
      pinned.flatMap((slot) => [String(slot), String(slot)]),
    )
      ? []
      : [violation(`links are pinned of slots ${pins.join(', ')}, not two each of ${pinned.join(', ')}`)]),
  ];
}

/** The programs' maps, read from where they are pinned. */
function maps(fixture: FaultFixture, pod: Pod | null): Violation[] {
  const found: Violation[] = [];
  const live = [fixture.still, ...(pod ? [pod] : [])];
  const wanted = live.flatMap((each) =>
    each.addresses.map((address) => `${bare(address)} slot ${each.slot} of ${each.number}`),
  );
  const endpoints = ['endpoints4', 'endpoints6'].map(
    (name) => openPinnedObject(join(fixture.pins, 'maps', name))!,
  );
  const slots = openPinnedObject(join(fixture.pins, 'maps/slots'))!;
  try {
    const entries = endpoints.flatMap((fd) => new BpfHashMap(fd, 'endpoints').entries());
    const has = entries.map(([key, value]) => {
      const { slot, owner } = decodeEndpointEntry(value);
      return `${decodeEndpointKey(key)} slot ${slot} of ${owner}`;
    });
    for (const each of has)
      if (!wanted.includes(each)) found.push(violation(`endpoint ${each}`, familyOf(each)));
    for (const each of wanted)
      if (!has.includes(each)) found.push(violation(`no endpoint ${each}`, familyOf(each)));
    const described = new BpfArrayMap(slots, 'slots', slotEntrySize);
    for (let slot = 0; slot < maxSlots; slot++) {
      const entry = decodeSlotEntry(described.get(slot));
      const owner = live.find((each) => each.slot === slot);
      if (entry?.owner !== owner?.number)
        found.push(violation(`slot ${slot} is described as pod ${entry?.owner}'s, not ${owner?.number}'s`));
      if (owner && entry?.hooks !== countingHooks[owner.hooks])
        found.push(violation(`slot ${slot} counts at the ${entry?.hooks}`));
    }
  } finally {
    endpoints.forEach(closeSync);
    closeSync(slots);
  }
  return found;
}

function hooks({ device, hooks: family }: Pod): Violation[] {
  const wanted = Object.values(podlaneProgramHooks[family]);
  const has = device?.programs.map((each) => `${each.hook}${each.ours ? '' : ' not ours'}`) ?? [];
  return same(has, wanted) ? [] : [violation(`programs on ${has.join(', ') || 'no hook'}`)];
}

/** Interfaces, addresses, routes and neighbors, by our own sockets beside the agent's. */
async function inside(fixture: FaultFixture, pod: Pod): Promise<Violation[]> {
  using socket = NetlinkSocket.inNamespace(pod.netns.path);
  const ends = { primary: slotToPrimaryIfindex(pod.slot), peer: slotToPeerIfindex(pod.slot) };
  const found: Violation[] = [];
  const expect = (
    family: Family | null,
    what: string,
    has: readonly string[],
    wanted: readonly string[],
  ): void => {
    if (!same(has, wanted))
      found.push(violation(`${what}: ${has.join(', ') || 'none'}, not ${wanted.join(', ')}`, family));
  };
  const interfaces = (await listLinks(socket)).filter(
    (link) => link.kind === 'veth' || link.kind === 'netkit',
  );
  expect(
    null,
    'interfaces in the pod',
    interfaces.map((link) => `${link.alternativeNames.includes('eth0') ? 'eth0' : link.name} ${link.kind}`),
    [`eth0 ${pod.kind}`],
  );
  if (interfaces.length === 0) return found;

  const placed = await addressesOf(socket, { ifindex: ends.peer });
  const inPod = await routesOf(socket, { ifindex: ends.peer });
  const onHost = await routesOf(fixture.socket, { ifindex: ends.primary });
  const knownToHost = await listNeighbors(fixture.socket, { ifindex: ends.primary });
  const knownToPod = await listNeighbors(socket, { ifindex: ends.peer });
  const hasMacs = pod.kind === 'veth';
  for (const family of ['ipv4', 'ipv6'] as const) {
    const ours = <T extends { family: Family }>(all: readonly T[]): T[] =>
      all.filter((each) => each.family === family);
    const put = (all: readonly KernelRoute[]): KernelRoute[] =>
      ours(all).filter((each) => each.protocol !== routeProtocols.kernel);
    const permanent = (all: readonly KernelNeighbor[]): string[] =>
      ours(all)
        .filter((each) => each.state === 'permanent')
        .map((each) => `${each.address} ${each.mac}`);
    const own = addresses.moved.filter((each) => familyOf(each) === family);
    const further = routes.map((each) => each.destination).filter((each) => familyOf(each) === family);
    const gateway = family === 'ipv4' ? '169.254.1.1' : 'fe80::1';

    const global = ours(placed).filter((each) => each.scope === 'global');
    expect(
      family,
      'addresses',
      global.map((each) => each.address),
      own,
    );
    expect(
      family,
      'routes of the pod',
      put(inPod).map((each) => `${each.destination} via ${each.gateway}`),
      ['default', ...further].map((destination) => `${destination} via ${gateway}`),
    );
    expect(
      family,
      'routes of the host',
      put(onHost).map((each) => bare(each.destination)),
      own.map(bare),
    );
    const forPod = own.map((address) => `${bare(address)} ${pod.device?.peer.mac}`);
    expect(family, 'neighbors of the host', permanent(knownToHost), hasMacs ? forPod : []);
    const forHost = [`${gateway} ${pod.device?.primary.mac}`];
    expect(family, 'neighbors of the pod', permanent(knownToPod), hasMacs ? forHost : []);
  }
  return found;
}
