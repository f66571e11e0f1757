import { formatMacAddress } from '../../netlink/ip-address.ts';
import { ifla } from '../../netlink/link-attributes.ts';
import { ifaddrmsg, ndmsg, rtmsg, tcmsg } from '../../netlink/netlink-structs.ts';
import {
  encodeRawAttributes,
  getRawAttribute,
  getRawNested,
  getRawU32,
  type RawAttribute,
  type RawObject,
  rawU32,
  withBodyU32,
  withoutRawAttributes,
} from '../../netlink/raw-object.ts';
import { replaceAddressLabel } from './address-labels.ts';
import { bridgeEntryKey } from './bridge-entries.ts';
import { listXdpPrograms } from './carry-xdp.ts';
import {
  describeAddress,
  describeNeighbor,
  describeNextHop,
  describeNextHopGroup,
  describeRoute,
  describeTrafficControl,
  describeWholeAddress,
} from './describe-object.ts';
import { type EndState, hasLinkLayerAddresses } from './end-state.ts';
import { getSettableFlags, readInterfaceFlags } from './link-requests.ts';
import { listSettingsOfOtherSubsystems } from './list-settings-of-other-subsystems.ts';
import { isConfiguredNeighbor } from './neighbor-requests.ts';
import { withoutGroupState } from './next-hop-groups.ts';
import { routeKey, withRouteDevice } from './route-requests.ts';
import {
  addressFamilies,
  addressFlags,
  ifa,
  nda,
  neighborFlags,
  neighborStates,
  nha,
  rta,
  tca,
} from './rtnetlink-constants.ts';
import type { Setting } from './setting.ts';
import { canCarryFilter, isDefaultQdisc, isFilter, trafficControlKind } from './traffic-control-requests.ts';

/** Sysctls that are set once traffic has moved: see `carrySettingsAfterTraffic`. */
export const sysctlsSetAfterTraffic: ReadonlySet<string> = new Set([
  'rp_filter',
  'addr_gen_mode',
  'accept_dad',
  'accept_ra',
  'use_tempaddr',
  'dad_transmits',
  'stable_secret',
]);

/**
 * Lists all settings of an interface, to compare two interfaces: without indexes, statistics and remaining lifetimes.
 */
export function listSettings(state: EndState): Setting[] {
  return [
    ...linkSettings(state),
    ...state.addresses.map((address) => addressSetting(address, state.name)),
    ...[...state.routes, ...state.nextHopRoutes, ...state.kernelRoutes.filter(isConnected)].map((route) =>
      routeSetting(route, state),
    ),
    ...state.nextHops.map(nextHopSetting),
    ...state.nextHopGroups.map(nextHopGroupSetting),
    // Those of a device without link-layer addresses (net/ipv4/arp.c, arp_constructor) are all the kernel's own.
    ...(hasLinkLayerAddresses(state) ? state.neighbors.filter(isConfiguredNeighbor) : []).map(
      neighborSetting,
    ),
    ...state.proxyNeighbors.map(neighborSetting),
    ...state.bridgeEntries.map(bridgeEntrySetting),
    ...state.qdiscs
      .filter((each) => !isDefaultQdisc(each))
      .map((each) => trafficControlSetting('qdisc', each)),
    ...state.trafficClasses.map((each) => trafficControlSetting('traffic class', each)),
    ...state.filters.filter(isFilter).map(filterSetting),
    ...state.sysctls.map(({ tree, name, value }) => ({
      kind: 'sysctl' as const,
      key: `${tree}/${name}`,
      value,
      // `stable_secret` is one, which only its root may read.
      text: `${tree.replaceAll('/', '.')}.${state.name}.${name} = ${name === 'stable_secret' ? '(set)' : value}`,
    })),
    ...state.offloads
      .filter(({ changeable }) => changeable)
      .map(({ name, wanted }) => ({
        kind: 'offload' as const,
        key: name,
        value: String(wanted),
        text: `${name} ${wanted ? 'on' : 'off'}`,
      })),
    ...state.queues.map(({ path, value }) => ({
      kind: 'queue setting' as const,
      key: path,
      value,
      text: `${path} ${value}`,
    })),
    ...listXdpPrograms(state).map(({ programId, mode }) => ({
      kind: 'XDP program' as const,
      key: mode,
      value: String(programId),
      text: `XDP program ${programId}, ${mode} mode`,
    })),
    ...listSettingsOfOtherSubsystems(state),
    ...state.linkLayerGroups.map((group) => ({
      kind: 'multicast address' as const,
      key: group,
      value: '',
      text: (group.match(/../g) ?? []).join(':'),
    })),
  ];
}

/**
 * Link attributes that are identity, state or statistics of the device, or the same thing as another setting: address
 * (a device kind may have none), name, other end, qdisc, carrier, queues, hardware, XDP, sysctls (IFLA_AF_SPEC).
 */
const notSettings = new Set<number>([
  ifla.address,
  ifla.broadcast,
  ifla.name,
  ifla.link,
  ifla.queueingDiscipline,
  7,
  8,
  9,
  11,
  12,
  14,
  15,
  ifla.operationalState,
  ifla.linkInfo,
  21,
  22,
  ifla.stats64,
  24,
  25,
  26,
  ifla.namespaceFd,
  30,
  ifla.transmitQueues,
  ifla.receiveQueues,
  ifla.carrier,
  34,
  35,
  36,
  ifla.linkNamespaceId,
  38,
  42,
  ifla.xdp,
  44,
  45,
  46,
  47,
  48,
  49,
  50,
  51,
  ifla.propertyList,
  54,
  56,
  57,
  59,
  60,
  61,
  62,
  65,
  66,
  67,
  68,
  69,
]);

const linkNames: Record<number, string> = {
  [ifla.mtu]: 'MTU',
  [ifla.master]: 'bridge',
  [ifla.transmitQueueLength]: 'transmit queue length (txqueuelen)',
  [ifla.linkMode]: 'link mode',
  [ifla.alias]: 'alias',
  [ifla.group]: 'group',
  39: 'protodown',
  [ifla.gsoMaxSegments]: 'gso_max_segs',
  [ifla.gsoMaxSize]: 'gso_max_size',
  [ifla.groMaxSize]: 'gro_max_size',
  [ifla.gsoIpv4MaxSize]: 'gso_ipv4_max_size',
  [ifla.groIpv4MaxSize]: 'gro_ipv4_max_size',
};

function linkSettings({ link }: EndState): Setting[] {
  const settings = link.attributes
    .filter(({ type }) => !notSettings.has(type & 0x3fff))
    .map(({ type, value }): Setting => {
      const name = linkNames[type & 0x3fff] ?? `link attribute ${type & 0x3fff}`;
      return {
        kind: 'link setting',
        key: name,
        value: value.toString('hex'),
        text: `${name} ${shortText(value)}`,
      };
    });
  const flags = readInterfaceFlags(link) & getSettableFlags([{ link }]);
  return [
    ...settings,
    {
      kind: 'link setting',
      key: 'flags',
      value: String(flags),
      text: `interface flags 0x${flags.toString(16)}`,
    },
    ...listAlternativeNames(link).map(
      (name): Setting => ({
        kind: 'link setting',
        key: `altname ${name}`,
        value: '',
        text: `altname ${name}`,
      }),
    ),
  ];
}

export const listAlternativeNames = (link: RawObject): string[] =>
  getRawNested(link, ifla.propertyList)
    .filter(({ type }) => (type & 0x3fff) === ifla.altname)
    .map(({ value }) => value.toString('utf8').replace(/\0.*$/s, ''));

const shortText = (value: Buffer): string =>
  value.length === 4
    ? String(value.readUInt32LE(0))
    : value.length === 1
      ? String(value[0])
      : value.toString('utf8').replace(/\0.*$/s, '');

/** Returns an address as a setting. @param name the interface's, which its labels begin with */
export function addressSetting(address: RawObject, name: string): Setting {
  const flags = getRawU32(address, ifa.flags) ?? 0;
  const lifetimes = getRawAttribute(address, ifa.lifetimes);
  // The seconds left go down meanwhile; that there are any, and for preferred none, is a setting.
  const left =
    lifetimes === null ? '' : [0, 4].map((at) => lifetimeKind(lifetimes.readUInt32LE(at))).join(' ');
  const unlabelled = replaceAddressLabel(address, name, '*');
  const plain = withoutRawAttributes(
    withBodyU32(unlabelled, ifaddrmsg.ifa_index, 0),
    ifa.flags,
    ifa.lifetimes,
  );
  plain.body[ifaddrmsg.ifa_flags] = 0;
  return {
    kind: 'address',
    key: `${address.body[ifaddrmsg.ifa_family]} ${describeAddress(address)} ${hexOf(address, ifa.local)}`,
    value: `${hexOfObject(plain)} ${flags & ~(addressFlags.tentative | addressFlags.noDad)} ${left}`,
    text: describeWholeAddress(address, name),
  };
}

const lifetimeKind = (seconds: number): string =>
  seconds === 0xffff_ffff ? 'forever' : seconds === 0 ? 'ended' : 'limited';

/** Tells whether a route of the kernel's own leads to a connected network. Others follow from the addresses. */
const isConnected = ({ body, attributes }: RawObject): boolean =>
  body[rtmsg.rtm_type] === 1 &&
  !(
    body[rtmsg.rtm_family] === addressFamilies.ipv6 && hexOf({ attributes }, rta.destination).startsWith('ff')
  );

function routeSetting(route: RawObject, { ifindex, name }: EndState): Setting {
  const normal = withoutRawAttributes(withRouteDevice(route, ifindex, 0), rta.expires);
  return {
    kind: 'route',
    key: `${routeKey(route)} ${hexOfObject(normal)}`,
    value: '',
    text: describeRoute(route, ifindex, name),
  };
}

function nextHopSetting(hop: RawObject): Setting {
  const value = hexOfObject(
    withoutRawAttributes(withBodyU32(hop, 4, hop.body.readUInt32LE(4) & 0x4), nha.device),
  );
  return { kind: 'next hop', key: String(getRawU32(hop, nha.id)), value, text: describeNextHop(hop) };
}

/** Returns a next hop group as a setting: its members with their weights, its type and what a resilient one has. */
const nextHopGroupSetting = (group: RawObject): Setting => ({
  kind: 'next hop',
  key: String(getRawU32(group, nha.id)),
  value: hexOfObject(withoutGroupState(group)),
  text: describeNextHopGroup(group),
});

function neighborSetting(entry: RawObject): Setting {
  const flags = entry.body[ndmsg.ndm_flags] ?? 0;
  const permanent =
    entry.body.readUInt16LE(ndmsg.ndm_state) & (neighborStates.permanent | neighborStates.noArp);
  return {
    kind: 'neighbour',
    key: `${hexOf(entry, nda.destination)} ${hexOf(entry, nda.vlan)} ${flags & neighborFlags.proxy ? 'proxy' : ''}`,
    value: `${hexOf(entry, nda.linkLayerAddress)} ${flags} ${permanent}`,
    text: describeNeighbor(entry),
  };
}

function bridgeEntrySetting(entry: RawObject): Setting {
  const address = getRawAttribute(entry, nda.linkLayerAddress);
  const mac = address === null ? 'no address' : formatMacAddress(address);
  return { ...neighborSetting(entry), kind: 'bridge entry', key: bridgeEntryKey(entry), text: `fdb ${mac}` };
}

function trafficControlSetting(kind: 'qdisc' | 'traffic class', object: RawObject): Setting {
  const options = getRawAttribute(object, tca.options) ?? Buffer.alloc(0);
  // struct tc_htb_glob ends with a counter, direct_pkts.
  const settings =
    kind === 'qdisc' && trafficControlKind(object) === 'htb'
      ? encodeRawAttributes(getRawNested(object, tca.options).map(withoutDirectPackets))
      : options;
  const at = [tcmsg.tcm_handle, tcmsg.tcm_parent].map((offset) => object.body.readUInt32LE(offset));
  return {
    kind,
    key: at.join(' '),
    value: `${trafficControlKind(object)} ${settings.toString('hex')}`,
    text: describeTrafficControl(object),
  };
}

const withoutDirectPackets = ({ type, value }: RawAttribute): RawAttribute =>
  type === 2 && value.length >= 20
    ? { type, value: Buffer.concat([value.subarray(0, 16), rawU32(0)]) }
    : { type, value };

/**
 * Attributes of filters that are statistics or state, by kind: actions, counters, hash tables. Policers are compared
 * without theirs, see `policerSettings`.
 */
const filterState: Record<string, readonly number[]> = {
  u32: [2, 6, 7, 9, 11],
  flower: [3, 22, 86],
  matchall: [2, 3, 4],
  bpf: [1, 8],
};

/** Attribute TCA_U32_POLICE, and those of a policer, TCA_POLICE_*, <linux/pkt_cls.h>. */
const u32Policer = 6;
const policer = { parameters: 1, times: 6, padding: 7 } as const;
/** Bytes of struct tc_police from its action to its peak rate: before them its index, after them how many use it. */
const policerParameters = { start: 4, end: 44 } as const;

/** Returns in hex what was set of the policer of a u32 filter, without times and counts; empty if it has none. */
function policerSettings(filter: RawObject): string {
  const options = { attributes: getRawNested(filter, tca.options) };
  const settings = getRawNested(options, u32Policer)
    .filter(({ type }) => type !== policer.times && type !== policer.padding)
    .map(({ type, value }) => ({
      type,
      value:
        type === policer.parameters ? value.subarray(policerParameters.start, policerParameters.end) : value,
    }));
  return encodeRawAttributes(settings).toString('hex');
}

/** Returns a tc filter as a setting. */
export function filterSetting(filter: RawObject): Setting {
  const kind = trafficControlKind(filter);
  const skipped = filterState[kind] ?? [];
  const options = getRawNested(filter, tca.options).filter(({ type }) => !skipped.includes(type & 0x3fff));
  const number = filter.body.readUInt32LE(tcmsg.tcm_handle);
  const handle = kind === 'u32' && canCarryFilter(filter) ? 0 : number;
  const place = [tcmsg.tcm_parent, tcmsg.tcm_info].map((offset) => filter.body.readUInt32LE(offset));
  const priority = filter.body.readUInt32LE(tcmsg.tcm_info) >>> 16;
  return {
    kind: 'filter',
    key: `${place.join(' ')} ${handle} ${hexOf(filter, tca.chain)} ${encodeRawAttributes(options).toString('hex')}`,
    value: kind === 'u32' ? `${kind} ${policerSettings(filter)}` : kind,
    text: `${kind} pref ${priority} parent ${(filter.body.readUInt32LE(tcmsg.tcm_parent) >>> 0).toString(16)}`,
  };
}

const hexOf = (object: Pick<RawObject, 'attributes'>, type: number): string =>
  getRawAttribute(object, type)?.toString('hex') ?? '';

/** Returns body and attributes in hex, the attributes in the order of their types. */
const hexOfObject = ({ body, attributes }: RawObject): string =>
  `${body.toString('hex')} ${encodeRawAttributes(attributes.toSorted((a, b) => a.type - b.type)).toString('hex')}`;
