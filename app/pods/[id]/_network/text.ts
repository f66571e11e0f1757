import type { PortMapping } from '../../../../contract/cni-config.ts';
import type { PodContainer } from '../../../../contract/container.ts';
import type { PodPort } from '../../../../contract/pod-port.ts';
import { formatCount } from '../../../_lib/format.ts';

/** Interface texts of the section about a pod's network. */
export const networkText = {
  title: 'Network',
  addresses: 'addresses',
  mtu: 'MTU',
  extraRoutes: 'extra routes',
  namedPorts: 'named ports',
  kubernetes: 'Kubernetes',
  describedByCluster: (uid: string) => `labels and named ports are set by the cluster (uid ${uid})`,
  container: 'container',
  publishedPorts: 'published ports',
  deviceKind: 'kind chosen',
  mode: 'mode',
  policy: 'policy',
  scrub: 'scrub',
  mac: 'MAC',
  noMac: 'none, layer 3',
  altnames: 'altnames',
  none: 'none',

  routes: 'Routes',
  neighbors: 'Neighbors',
  namespace: 'netns',
  family: 'family',
  destination: 'destination',
  gateway: 'via',
  device: 'device',
  address: 'address',
  state: 'state',
  direct: 'direct',
  noNeighbors: 'No entries.',
  noNeighborsL3: 'No entries: a layer 3 device has no MAC addresses.',

  allSettings: 'All settings of both interfaces',
  kind: 'kind',
  setting: 'setting',
  filterSettings: 'Filter settings',
  filterPlaceholder: 'kind, name or value',
  copySettings: 'shown settings',
  noSettings: 'No setting matches the filter.',
  settingsFailed: 'The network state could not be read',
  retry: 'Read again',

  copyAddresses: 'Addresses to copy',
  copy: 'copy',
} as const;

export const formatPodNetworkSummary = (addresses: number, podRoutes: number, hostRoutes: number): string =>
  `${formatCount(addresses)} ${addresses === 1 ? 'address' : 'addresses'}, ${podRoutes} + ${hostRoutes} routes`;
export const formatShownSettings = (shown: number, all: number): string =>
  `${formatCount(shown)} of ${formatCount(all)} settings`;
/** Formats a value for both ends of a device: `peer 1, primary 0`. */
export const formatBothDeviceEnds = (peer: string | number, primary: string | number): string =>
  `peer ${peer}, primary ${primary}`;
export const formatRequestedMtu = (ends: string, mtu: number): string => `${ends}; requested ${mtu}`;
export const formatNetkitPolicy = (ends: string): string => `${ends} (applies without a program)`;
export const formatMoreAddressesLabel = (addresses: number): string => `${addresses} more addresses`;

/** Formats a container: `0123456789ab of network podlane, with addresses of host-local`. */
export const formatContainer = ({ id, network, ipam, mode }: PodContainer): string =>
  `${id.slice(0, 12)} of network ${network}, ${
    mode === 'convert'
      ? 'its device replaces that of an earlier plugin'
      : ipam === null
        ? 'with addresses of Podlane’s pool'
        : `with addresses of ${ipam}`
  }`;

/** Formats a port of the node that leads to the container: `8080/tcp to 80`. */
export const formatPortMapping = ({ hostIP, hostPort, containerPort, protocol }: PortMapping): string =>
  `${hostIP === '' ? '' : `${hostIP.includes(':') ? `[${hostIP}]` : hostIP}:`}${hostPort}/${protocol} to ${containerPort}`;

/** Formats a port that rules can name: `http tcp 8080`. */
export const formatNamedPort = ({ name, protocol, port }: PodPort): string => `${name} ${protocol} ${port}`;
