import { ifla } from '../../netlink/link-attributes.ts';
import {
  getRawAttribute,
  mapRawAttribute,
  type RawObject,
  withoutRawAttributes,
} from '../../netlink/raw-object.ts';
import { relabel } from './address-labels.ts';
import { isOwnEntry } from './bridge-entries.ts';
import { buildAddressDeletion } from './carry-addresses.ts';
import { readFlags } from './carry-link.ts';
import { describeAddress } from './describe-object.ts';
import type { DeviceEndRef, EndState } from './end-state.ts';
import { carryAddresses, carrySettings, sendAll } from './prepare-end.ts';
import { ifa } from './raw-attributes.ts';
import { readEndState } from './read-end-state.ts';
import { carrySecurityPolicies } from './security-policies.ts';

/** States of both interfaces when the changes on the old one were followed. */
interface FollowedEnd {
  old: EndState;
  present: EndState;
}

/**
 * Makes on the new interface what others changed on the old one since it was last read: addresses, neighbors, sysctls,
 * settings. Routes are not followed here: they are read where they are moved.
 * @returns the state of the old interface now, and that of the new one before
 */
export async function followChanges(
  last: EndState,
  old: DeviceEndRef,
  fresh: DeviceEndRef,
): Promise<FollowedEnd> {
  const read = await readEndState(old);
  // A rename has changed the labels of IPv4 addresses: those that stay keep the ones that were read first.
  const now = { ...read, addresses: read.addresses.map((address) => withLabelOf(last, read, address)) };
  const present = await readEndState(fresh);
  const gone = last.addresses.filter((address) => !now.addresses.some((each) => sameAddress(each, address)));
  await sendAll(
    fresh.socket,
    gone.map((address) => buildAddressDeletion(address, fresh.ifindex)),
  );
  await carryAddresses(
    {
      ...now,
      addresses: now.addresses.filter((address) => !last.addresses.some((each) => sameObject(each, address))),
      neighbors: now.neighbors.filter((entry) => !last.neighbors.some((each) => sameObject(each, entry))),
      proxyNeighbors: now.proxyNeighbors.filter(
        (entry) => !last.proxyNeighbors.some((each) => sameObject(each, entry)),
      ),
      bridgeEntries: now.bridgeEntries.filter(
        (entry) => !last.bridgeEntries.some((each) => sameObject(each, entry)),
      ),
    },
    fresh,
    present,
  );
  // Qdiscs and filters change under traffic with loss: what was changed there is found by the comparison.
  await carrySettings(onlyChanged(last, now, present), fresh, present, () => false);
  await carrySecurityPolicies(now.securityPolicies, fresh, last.securityPolicies);
  // Alternative names have moved with the name.
  const link = {
    ...now.link,
    attributes: [
      ...withoutRawAttributes(now.link, ifla.propertyList).attributes,
      ...last.link.attributes.filter(({ type }) => (type & 0x3fff) === ifla.propertyList),
    ],
  };
  // What moves with the traffic has moved by now, or is read again when it is.
  return {
    old: {
      ...now,
      link,
      routes: last.routes,
      nextHops: last.nextHops,
      nextHopRoutes: last.nextHopRoutes,
      redirects: last.redirects,
      bridgeEntries: [
        ...now.bridgeEntries.filter(isOwnEntry),
        ...last.bridgeEntries.filter((entry) => !isOwnEntry(entry)),
      ],
    },
    present,
  };
}

/**
 * Returns a state that differs from that of the new interface only in what was changed on the old one: users of the name
 * may have changed the new one themselves.
 */
function onlyChanged(last: EndState, now: EndState, present: EndState): EndState {
  const was = new Map(last.sysctls.map(({ tree, name, value }) => [`${tree}/${name}`, value]));
  const wasOffload = new Map(last.offloads.map(({ name, wanted }) => [name, wanted]));
  const wasQueue = new Map(last.queues.map(({ path, value }) => [path, value]));
  const flagsChanged = readFlags(last.link) !== readFlags(now.link);
  return {
    ...now,
    link: {
      ...now.link,
      body: flagsChanged ? now.link.body : present.link.body,
      attributes: now.link.attributes.filter(
        ({ type, value }) => !getRawAttribute(last.link, type & 0x3fff)?.equals(value),
      ),
    },
    sysctls: now.sysctls.filter(({ tree, name, value }) => was.get(`${tree}/${name}`) !== value),
    offloads: now.offloads.filter(({ name, wanted }) => wasOffload.get(name) !== wanted),
    queues: now.queues.filter(({ path, value }) => wasQueue.get(path) !== value),
    linkLayerGroups: now.linkLayerGroups.filter((group) => !last.linkLayerGroups.includes(group)),
    qdiscs: [],
    trafficClasses: [],
    filters: [],
  };
}

/** Returns an address with the label that it had when the interface was last read, before it was renamed. */
function withLabelOf(last: EndState, now: EndState, address: RawObject): RawObject {
  const before = last.addresses.find((each) => sameAddress(each, address));
  const label = before && getRawAttribute(before, ifa.label);
  return label && last.name !== now.name
    ? relabel(
        mapRawAttribute(address, ifa.label, () => label),
        last.name,
        now.name,
      )
    : address;
}

const sameAddress = (a: RawObject, b: RawObject): boolean =>
  a.body[0] === b.body[0] && describeAddress(a) === describeAddress(b);

/** Compares two objects without what changes by itself: lifetimes, cache ages, probes. */
const sameObject = (a: RawObject, b: RawObject): boolean =>
  a.body.equals(b.body) && settled(a).equals(settled(b));

const settled = ({ attributes }: RawObject): Buffer =>
  Buffer.concat(
    attributes
      .filter(({ type }) => type < 3 || type === 4 || type === 8 || type === 9)
      .map(({ value }) => value),
  );
