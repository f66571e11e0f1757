import { bothEnds, type DeviceEnd, type ElementContext, type ElementKind, linesOf } from '../element.ts';

const ip = linesOf('ip');
const sh = linesOf('sh');

const attributes: Record<string, (context: ElementContext) => string> = {
  txqueuelen: ({ random }) => `link set dev DEV txqueuelen ${random.between(1, 5000)}`,
  altname: ({ unique }) => `link property add dev DEV altname second${unique()}`,
  group: ({ random }) => `link set dev DEV group ${random.between(1, 9000)}`,
  'GSO size': ({ random }) => `link set dev DEV gso_max_size ${random.between(20_000, 65_536)}`,
  'GSO segments': ({ random }) => `link set dev DEV gso_max_segs ${random.between(10, 65_535)}`,
  'GRO size': ({ random }) => `link set dev DEV gro_max_size ${random.between(20_000, 65_536)}`,
  'GSO size of IPv4': ({ random }) => `link set dev DEV gso_ipv4_max_size ${random.between(20_000, 65_536)}`,
  'GRO size of IPv4': ({ random }) => `link set dev DEV gro_ipv4_max_size ${random.between(20_000, 65_536)}`,
  promiscuous: () => 'link set dev DEV promisc on',
  'all multicast': () => 'link set dev DEV allmulticast on',
  dynamic: () => 'link set dev DEV dynamic on',
  'no IPv6 address of its own': () => 'link set dev DEV addrgenmode none',
  'multicast MAC': ({ random }) =>
    `maddr add 33:33:00:00:${random.between(10, 99)}:${random.between(10, 99)} dev DEV`,
};

const offloads = [
  'tso',
  'gso',
  'gro',
  'tx',
  'rx',
  'sg',
  'rx-gro-list',
  'rx-udp-gro-forwarding',
  'tx-nocache-copy',
  'hsr-dup-offload',
  'rxvlan',
  'txvlan',
  'rx-gro-hw',
  'tx-gso-list',
  'tx-udp-segmentation',
];

const files: Record<string, (context: ElementContext) => string> = {
  RPS: ({ random }) => `echo ${random.between(1, 3)} > /sys/class/net/DEV/queues/rx-0/rps_cpus`,
  'RPS flows': ({ random }) =>
    `echo ${2 ** random.between(2, 10)} > /sys/class/net/DEV/queues/rx-0/rps_flow_cnt`,
  XPS: ({ random }) => `echo ${random.between(1, 3)} > /sys/class/net/DEV/queues/tx-0/xps_cpus`,
  'GRO flush timeout': ({ random }) =>
    `echo ${random.between(1000, 90_000)} > /sys/class/net/DEV/gro_flush_timeout`,
  'deferral of hard interrupts': ({ random }) =>
    `echo ${random.between(1, 9)} > /sys/class/net/DEV/napi_defer_hard_irqs`,
};

const ofEnd = (end: DeviceEnd): ElementKind[] => [
  ...Object.entries(attributes).map(
    ([name, line]): ElementKind => ({
      name: `link: ${name}`,
      end,
      phase: 'link',
      commands: (context) => ip(line(context)),
    }),
  ),
  ...Object.entries(files).map(
    ([name, line]): ElementKind => ({
      name: `link: ${name}`,
      end,
      phase: 'link',
      commands: (context) => sh(line(context)),
    }),
  ),
  ...offloads.map(
    (offload): ElementKind => ({
      name: `offload: ${offload}`,
      end,
      phase: 'link',
      // One depends on another.
      ...(dependent.includes(offload)
        ? { alternative: /^(rx|gro)/.test(offload) ? 'receive offload' : 'send offload' }
        : {}),
      // What is on by default goes off, and what is off goes on.
      commands: () =>
        sh(
          `case $(ethtool -k DEV | grep -cE '(${offload}|${longNames[offload] ?? offload}): on$') in 0) ethtool -K DEV ${offload} on;; *) ethtool -K DEV ${offload} off;; esac`,
        ),
    }),
  ),
];

/** Offloads of which some are refused when another is off. */
const dependent = [
  'tso',
  'tx',
  'tx-gso-list',
  'sg',
  'gso',
  'rx',
  'rx-gro-list',
  'rx-udp-gro-forwarding',
  'gro',
];

/** Names of `ethtool -k` for what `ethtool -K` takes in short. */
const longNames: Record<string, string> = {
  tso: 'tcp-segmentation-offload',
  gso: 'generic-segmentation-offload',
  gro: 'generic-receive-offload',
  tx: 'tx-checksumming',
  rx: 'rx-checksumming',
  sg: 'scatter-gather',
  rxvlan: 'rx-vlan-offload',
  txvlan: 'tx-vlan-offload',
};

export const linkKinds: readonly ElementKind[] = [
  ...bothEnds.flatMap(ofEnd),
  // The host end's alias is ours.
  {
    name: 'link: alias',
    end: 'pod',
    phase: 'link',
    commands: ({ random }) =>
      ip(`link set dev DEV alias ${random.one(['uplink', 'a/b', 'pod-0.x'])}${random.between(0, 99)}`),
  },
  // Applies to advertisements, so that one that takes none refuses it.
  {
    name: 'link: IPv6 token',
    end: 'pod',
    phase: 'link',
    commands: ({ random }) => [
      ...sh('echo 2 > /proc/sys/net/ipv6/conf/DEV/accept_ra'),
      ...ip(`token set ::${random.between(2, 9999)} dev DEV`),
    ],
  },
];
