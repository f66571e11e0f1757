import type { PathService, PathTranslator } from '../../../../contract/pod-path.ts';

/** Interface texts of the path diagram. */
export const pathText = {
  section: 'Path',
  gone: 'The pod is gone, and so is its network path.',

  podNamespace: 'Pod namespace',
  hostNamespace: 'Host namespace',
  container: 'container',
  uplink: 'uplink',
  hostStack: 'Host stack',
  noDevice: 'The kernel has no device for this pod',
  l2Step: 'veth crossing',
  l2StepDetail: 'L2 frame, then backlog and softirq',

  interface: 'interface',
  address: 'address',
  ifindex: 'ifindex',
  mtu: 'MTU',
  none: 'none',
  device: 'device',
  hooks: 'hooks',
  policy: 'policy',
  neighbor: 'neigh',
  podRoute: 'pod route',
  hostRoute: 'host route',
  route: 'route',
  forwarding: 'forward',
  noDefaultRoute: 'no default route',
  noDefaultRouteDetail: 'The host has no default route',
  noNeighborDetail: 'The host has no neighbor entry for the pod',
  noNeighborL3: 'none, L3',
  noAddress: 'no address',
  node: 'node',
  nodeTrafficDetail: 'All traffic of this interface, all pods together',
  needsTwoReadings: 'Needs two readings of the interface',
  uplinkTrafficDetail: 'All traffic of the uplink, all pods of the node together',
  noSample: 'No sample of this pod yet',
  egress: 'out',
  ingress: 'in',
  egressPps: 'pps out',
  ingressPps: 'pps in',
  allPods: 'all pods',

  redirect: 'Redirect',
  redirectOff: 'Redirect off',
  redirectedOutDetail: 'Packets that this pod’s program redirected to other pods of the node',
  redirectedInDetail: 'Packets that other pods redirected to this pod',
  boundsDetail: 'Redirects are counted at the sender only, so this is a range while both paths are in use.',
  redirectBy: { pod: 'By this pod’s own setting', node: 'By the node’s setting' },
  redirectOffForPod: 'for this pod',
  redirectSetting: 'Redirect what this pod sends',
  redirectSettingDetail:
    'Packets to pods of this node bypass the host stack and its netfilter rules, except those of connections whose addresses the host translates.',
  redirectChoices: { node: 'as the node', on: 'on', off: 'off' },
  services: 'Connections through services, and the backends that answer:',
  translators: 'May translate addresses, unknown to the host’s connection tracking:',
  translatorEffects: {
    before: 'the redirect sees what it leaves',
    bypassed: 'redirected packets do not pass it',
    passed:
      'redirected packets to this pod pass it, and answers past the host stack may not be translated back',
  },
  redirectOffNote: 'on this node,',
  settingsLink: 'see settings',
  otherPodsDetail: 'Traffic between the host stack and all other pods of the node together',

  otherPods: 'Pods on this node',
  otherPodsListDetail: 'All traffic of each pod, not only what it exchanges with this pod',
  noOtherPods: 'no other pods',
  noSampleOfPod: 'No sample of that pod yet',

  keyWidth: 'width: log pps',
  keyHook: 'hook',
  keyEdge: 'namespace edge',
  keyDrops: 'drops',
  keyBounds: 'dashed: measured, solid: upper bound',
  keyBoundsDetail: 'Redirects are counted at the sender only, so the receiving side is known as a range',

  notOurs: 'Not a Podlane program: its runs for this pod are not counted',
  noStatistics: 'BPF run-time statistics are off, or the program has not run yet',
  verdicts: 'verdicts',
  redirected: 'redirect',
  passed: 'pass',
  dropped: 'drop',
  unknown: 'n/a',
  emptyHookUncounted: 'no program: packets pass uncounted',
} as const;

/** Says that something may translate addresses, and what that means for redirected packets. */
export const formatTranslator = ({
  interface: device,
  hook,
  what,
  name,
  redirected,
}: PathTranslator): string =>
  `${what} ${name} at ${hook} of ${device}: ${pathText.translatorEffects[redirected]}`;
const formatEnd = (address: string, port: number | null): string =>
  port === null ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
export const formatServiceTitle = ({ address, port, protocol }: PathService): string =>
  `${protocol} ${formatEnd(address, port)}`;
/** Formats the backends of a service with the numbers of their connections. */
export const formatServiceBackends = ({ backends }: PathService): string =>
  backends
    .map(
      ({ address, port, pod, connections }) =>
        `${pod === null ? '' : `${pod} `}${formatEnd(address, port)} (${connections})`,
    )
    .join(', ');
export const formatFallbackHooks = (family: string): string => `programs on ${family} (attach fallback)`;
export const formatEmptyHookWithPolicy = (policy: string): string => `no program: policy ${policy} applies`;
export const formatUplinkDrops = (packets: string): string => `dropped ${packets}`;
export const formatUplinkDropsDetail = (received: number, sent: number): string =>
  `received ${received}, sent ${sent}, since the interface was created`;
export const formatOtherPodsLabel = (pods: number): string => (pods === 1 ? '1 other' : `${pods} others`);
export const formatIpForwarding = (enabled: boolean, reversePathFilter: number): string =>
  `${enabled ? 'on' : 'off'}, rp_filter ${reversePathFilter}`;

/** Explains a program's cost, and that its mean run time covers the whole node. */
export const formatProgramCostDetail = (program: { name: string; id: number }, isLive: boolean): string =>
  `ns per run, mean ${isLive ? 'of the last second' : 'since load'}, over all runs of ${program.name} (id ${program.id}) on this node, not only this pod’s`;

/** Returns the name of a pod's path diagram for screen readers. */
export const formatPathDiagramLabel = (
  pod: string,
  kind: string | null,
  fallbackFamily: string | null,
): string =>
  `Network path of ${pod}, ${kind ?? 'no device'}${fallbackFamily === null ? '' : `, programs on ${fallbackFamily}`}`;
