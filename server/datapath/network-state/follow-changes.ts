import { ifla } from '../../netlink/link-attributes.ts';
import { rtmTypes } from '../../netlink/message-constants.ts';
import {
  encodeRawAttributes,
  getRawAttribute,
  mapRawAttribute,
  type RawObject,
  withoutRawAttributes,
} from '../../netlink/raw-object.ts';
import { replaceAddressLabel } from './address-labels.ts';
import { buildAddressDeletion } from './address-requests.ts';
import { isOwnEntry } from './bridge-entries.ts';
import { carryAddresses, carrySettings, sendIgnoringRefusals } from './carry-end.ts';
import { describeAddress, getNeighborAddress } from './describe-object.ts';
import type { DeviceEndRef, EndState } from './end-state.ts';
import { readInterfaceFlags } from './link-requests.ts';
import { buildNeighborDeletions } from './neighbor-requests.ts';
import { readEndState } from './read-end-state.ts';
import { remakeDifferingAddresses } from './remake-addresses.ts';
import { ifa, nda } from './rtnetlink-constants.ts';
import { carrySecurityPolicies } from './security-policies.ts';

/** States of one end on both devices when the changes on the old one were made on the new one. */
interface FollowedEnd {
  /** What the new interface is now expected to have; routes and other things that move with the traffic as before. */
  old: EndState;
  /** State of the new interface, read before the changes were made on it. */
  present: EndState;
}

/**
 * Makes on the new interface what others changed on the old one since it was last read: addresses, neighbors, sysctls,
 * settings. Routes are not followed here: they are read where they are moved.
 * @param last state of the old interface when it was last read
 * @param moment before traffic, addresses whose label, broadcast address or scope alone changed are made again; later
 * that would take routes from the traffic, and the comparison finds them
 * @param ownNeighbors addresses of Podlane's own neighbor entries, which the new interface keeps
 */
export async function followChanges(
  last: EndState,
  old: DeviceEndRef,
  fresh: DeviceEndRef,
  moment: 'before traffic' | 'under traffic',
  ownNeighbors: ReadonlySet<string> = new Set(),
): Promise<FollowedEnd> {
  const read = await readEndState(old);
  // A rename has changed the labels of IPv4 addresses: those that stay keep the ones that were read first.
  const now = { ...read, addresses: read.addresses.map((address) => withLabelOf(last, read, address)) };
  const present = await readEndState(fresh);
  const gone = last.addresses.filter((address) => !now.addresses.some((each) => sameAddress(each, address)));
  await sendIgnoringRefusals(
    fresh.socket,
    // Without the label, by which the kernel compares as well: it is that of the new interface's temporary name.
    gone.map((address) => buildAddressDeletion(withoutRawAttributes(address, ifa.label), fresh.ifindex)),
  );
  const isOthers = (entry: RawObject): boolean => !ownNeighbors.has(getNeighborAddress(entry) ?? '');
  await sendIgnoringRefusals(fresh.socket, [
    ...buildNeighborDeletions(last.neighbors.filter(isOthers), now.neighbors, fresh.ifindex),
    ...buildNeighborDeletions(last.proxyNeighbors, now.proxyNeighbors, fresh.ifindex),
  ]);
  await carryAddresses(
    {
      ...now,
      addresses: now.addresses.filter(
        (address) =>
          !last.addresses.some((each) => sameObject(ofAnyName(each, last), ofAnyName(address, now))),
      ),
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
  if (moment === 'before traffic')
    await remakeDifferingAddresses(
      fresh.socket,
      fresh.ifindex,
      now.addresses.map((address) => replaceAddressLabel(address, now.name, present.name)),
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
      nextHopGroups: last.nextHopGroups,
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
 * Returns the old interface's state `now` with only those link attributes, sysctls, offloads, queue settings and
 * multicast addresses that differ from `last`, and without qdiscs, classes and filters, so that `carrySettings` sets
 * nothing else: once the new interface bears the pod's interface name, others may have changed it by that name.
 * @param present state of the new interface, whose flags are kept unless those of the old one changed
 */
function onlyChanged(last: EndState, now: EndState, present: EndState): EndState {
  const was = new Map(last.sysctls.map(({ tree, name, value }) => [`${tree}/${name}`, value]));
  const wasOffload = new Map(last.offloads.map(({ name, wanted }) => [name, wanted]));
  const wasQueue = new Map(last.queues.map(({ path, value }) => [path, value]));
  const flagsChanged = readInterfaceFlags(last.link) !== readInterfaceFlags(now.link);
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
    ? replaceAddressLabel(
        mapRawAttribute(address, ifa.label, () => label),
        last.name,
        now.name,
      )
    : address;
}

const sameAddress = (a: RawObject, b: RawObject): boolean =>
  a.body[0] === b.body[0] && describeAddress(a) === describeAddress(b);

/** Returns an address with a label that is the same on interfaces of different names. */
const ofAnyName = (address: RawObject, { name }: EndState): RawObject =>
  replaceAddressLabel(address, name, '*');

/**
 * Attributes that change by themselves, by message type: lifetimes of an address (IFA_CACHEINFO; whether it has any is
 * among its flags), ages and probes of a neighbor or bridge entry (NDA_CACHEINFO, NDA_PROBES).
 */
const changingAttributes: Readonly<Record<number, readonly number[]>> = {
  [rtmTypes.newAddress]: [ifa.lifetimes],
  [rtmTypes.newNeighbor]: [nda.cacheInfo, nda.probes],
};

/** Compares two addresses, neighbor entries or bridge entries, but for what changes by itself. */
const sameObject = (a: RawObject, b: RawObject): boolean =>
  a.body.equals(b.body) && encodeSettled(a).equals(encodeSettled(b));

const encodeSettled = (object: RawObject): Buffer =>
  encodeRawAttributes(
    withoutRawAttributes(object, ...(changingAttributes[object.messageType] ?? [])).attributes,
  );
