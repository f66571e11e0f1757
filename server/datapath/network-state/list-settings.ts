import { formatMacAddress } from '../../netlink/ip-address.ts';
import { ifla } from '../../netlink/link-attributes.ts';
import { ifaddrmsg, ifinfomsg, ndmsg, rtmsg, tcmsg } from '../../netlink/netlink-structs.ts';
import {
  encodeRawAttributes,
  getRawAttribute,
  getRawNested,
  getRawString,
  getRawU32,
  type RawAttribute,
  type RawObject,
  rawU32,
  withBodyU32,
  withoutRawAttributes,
} from '../../netlink/raw-object.ts';
import { relabel } from './address-labels.ts';
import { bridgeEntryKey } from './bridge-entries.ts';
import { readFlags, settableInterfaceFlags } from './carry-link.ts';
import { isCarriedNeighbor } from './carry-neighbors.ts';
import { routeKey, toDevice } from './carry-routes.ts';
import { canCarryFilter, isDefaultQdisc, isFilter, trafficControlKind } from './carry-traffic-control.ts';
import { listXdpPrograms } from './carry-xdp.ts';
import {
  describeAddress,
  describeNeighbor,
  describeNextHop,
  describeRoute,
  describeTrafficControl,
} from './describe-object.ts';
import type { EndState } from './end-state.ts';
import { listFurtherSettings } from './list-further-settings.ts';
import {
  addressFlags,
  families,
  ifa,
  nda,
  neighborFlags,
  neighborStates,
  nha,
  rta,
  tca,
} from './raw-attributes.ts';

/** Kinds of settings of an interface, as the plan names them. */
export type SettingKind =
  | 'link setting'
  | 'address'
  | 'route'
  | 'next hop'
  | 'neighbour'
  | 'bridge entry'
  | 'qdisc'
  | 'traffic class'
  | 'filter'
  | 'sysctl'
  | 'offload'
  | 'queue setting'
  | 'multicast address'
  | 'XDP program'
  | 'redirecting action'
  | 'xfrm policy'
  | 'mptcp endpoint';

/** One setting of an interface, in a form that is equal on two interfaces with the same setting. */
export interface Setting {
  kind: SettingKind;
  /** Identity among the settings of its kind. */
  key: string;
  value: string;
  /** Text for users, such as `default via 169.254.1.1 dev eth0`. */
  text: string;
}

/** Sysctls that are set once traffic has moved: see `carryLateSettings`. */
export const lateSysctls: ReadonlySet<string> = new Set([
  'rp_filter',
  'addr_gen_mode',
  'accept_dad',
  'accept_ra',
  'use_tempaddr',
  'dad_transmits',
  'stable_secret',
]);

/** Lists all settings of an interface. Indexes, statistics and remaining lifetimes are left out. */
export function listSettings(state: EndState): Setting[] {
  return [
    ...linkSettings(state),
    ...state.addresses.map((address) => addressSetting(relabel(address, state.name, '*'))),
    ...[...state.routes, ...state.nextHopRoutes, ...state.kernelRoutes.filter(isConnected)].map((route) =>
      routeSetting(route, state),
    ),
    ...state.nextHops.map(nextHopSetting),
    // Those of a device without link-layer addresses (net/ipv4/arp.c, arp_constructor) are all the kernel's own.
    ...(hasLinkLayerAddresses(state) ? state.neighbors.filter(isConfigured) : []).map(neighborSetting),
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
      text: `${tree.replaceAll('/', '.')}.${state.name}.${name} = ${value}`,
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
    ...listFurtherSettings(state),
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
  const flags = readFlags(link) & settableInterfaceFlags;
  return [
    ...settings,
    {
      kind: 'link setting',
      key: 'flags',
      value: String(flags),
      text: `interface flags 0x${flags.toString(16)}`,
    },
    ...alternativeNames(link).map(
      (name): Setting => ({
        kind: 'link setting',
        key: `altname ${name}`,
        value: '',
        text: `altname ${name}`,
      }),
    ),
  ];
}

export const alternativeNames = (link: RawObject): string[] =>
  getRawNested(link, ifla.propertyList)
    .filter(({ type }) => (type & 0x3fff) === ifla.altname)
    .map(({ value }) => value.toString('utf8').replace(/\0.*$/s, ''));

const shortText = (value: Buffer): string =>
  value.length === 4
    ? String(value.readUInt32LE(0))
    : value.length === 1
      ? String(value[0])
      : value.toString('utf8').replace(/\0.*$/s, '');

function addressSetting(address: RawObject): Setting {
  const flags = getRawU32(address, ifa.flags) ?? 0;
  const lifetimes = getRawAttribute(address, ifa.lifetimes);
  // The seconds left go down meanwhile; that there are any, and for preferred none, is a setting.
  const left =
    lifetimes === null ? '' : [0, 4].map((at) => lifetimeKind(lifetimes.readUInt32LE(at))).join(' ');
  const plain = withoutRawAttributes(withBodyU32(address, ifaddrmsg.ifa_index, 0), ifa.flags, ifa.lifetimes);
  plain.body[ifaddrmsg.ifa_flags] = 0;
  return {
    kind: 'address',
    key: `${address.body[ifaddrmsg.ifa_family]} ${describeAddress(address)} ${hexOf(address, ifa.local)}`,
    value: `${hexOfObject(plain)} ${flags & ~(addressFlags.tentative | addressFlags.noDad)} ${left}`,
    text: `${describeAddress(address)} scope ${address.body[ifaddrmsg.ifa_scope]} label ${getRawString(address, ifa.label) ?? 'none'} flags 0x${flags.toString(16)} lifetimes ${left === '' ? 'none' : left} broadcast ${hexOf(address, 4) || 'none'} metric ${hexOf(address, 9) || 'none'}`,
  };
}

const lifetimeKind = (seconds: number): string =>
  seconds === 0xffff_ffff ? 'forever' : seconds === 0 ? 'ended' : 'limited';

/** Tells whether a route of the kernel's own leads to a connected network. Others follow from the addresses. */
const isConnected = ({ body, attributes }: RawObject): boolean =>
  body[rtmsg.rtm_type] === 1 &&
  !(body[rtmsg.rtm_family] === families.ipv6 && hexOf({ attributes }, rta.destination).startsWith('ff'));

function routeSetting(route: RawObject, { ifindex, name }: EndState): Setting {
  const normal = withoutRawAttributes(toDevice(route, ifindex, 0), rta.expires);
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

/** Tells whether somebody set a neighbour entry, and the kernel did not learn it: permanent, or externally learned. */
const isConfigured = (entry: RawObject): boolean => {
  const flags = entry.body[ndmsg.ndm_flags] ?? 0;
  const byHand = neighborStates.permanent | neighborStates.noArp;
  const permanent = (entry.body.readUInt16LE(ndmsg.ndm_state) & byHand) !== 0;
  return isCarriedNeighbor(entry) && (permanent || (flags & neighborFlags.externallyLearned) !== 0);
};

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

/** Attributes of filters that are statistics or state, by kind: actions (compared by kind), counters, hash tables. */
const filterState: Record<string, readonly number[]> = {
  u32: [2, 7, 9, 11],
  flower: [3, 22, 86],
  matchall: [2, 3, 4],
  bpf: [1, 8],
};

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
    value: kind,
    text: `${kind} pref ${priority} parent ${(filter.body.readUInt32LE(tcmsg.tcm_parent) >>> 0).toString(16)}`,
  };
}

const hexOf = (object: Pick<RawObject, 'attributes'>, type: number): string =>
  getRawAttribute(object, type)?.toString('hex') ?? '';

/** Returns body and attributes in hex, the attributes in the order of their types. */
const hexOfObject = ({ body, attributes }: RawObject): string =>
  `${body.toString('hex')} ${encodeRawAttributes(attributes.toSorted((a, b) => a.type - b.type)).toString('hex')}`;

/** Interface type ARPHRD_NONE has no link-layer addresses. */
export const hasLinkLayerAddresses = ({ link }: Pick<EndState, 'link'>): boolean =>
  link.body.readUInt16LE(ifinfomsg.ifi_type) === 1 &&
  getRawAttribute(link, ifla.address)?.some((byte) => byte !== 0) === true;
