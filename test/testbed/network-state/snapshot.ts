import type { DeviceNames } from './apply.ts';
import { bothEnds, type DeviceEnd } from './element.ts';
import type { NamespaceShell } from './namespace-shell.ts';
import {
  addressLines,
  firewallLines,
  keyedLines,
  linkLines,
  neighborLines,
  routeLines,
  type StateLine,
  textLines,
} from './snapshot-lines.ts';

/** What a tool shows of one subject, in its order. */
export interface SnapshotSection {
  end: DeviceEnd;
  section: string;
  lines: StateLine[];
}
type SnapshotLines = Omit<SnapshotSection, 'end'>;
export type NetworkStateSnapshot = readonly SnapshotSection[];

type IpObject = Record<string, unknown>;
/** Outputs by mark. */
type Outputs = (mark: string) => string;

const mark = '\u0002';

/** Attach points of filters: of clsact, the root, and the handles that states use. */
const filterParents = ['ingress', 'egress', 'root', 'parent 1:', 'parent 10:'];

/**
 * Shell text that writes what all tools show of a device and its namespace, each after its mark. Each tool is started once,
 * which is most of what a snapshot costs.
 */
const script = (device: string): string => {
  const batch = (lines: readonly string[]): string => `<<'EOF'\n${lines.join('\n')}\nEOF`;
  const say = (name: string, command: string): string => `printf '${mark}${name}\\n'; ${command}`;
  const ip = [
    ...['link show', 'addr show', 'route show table all', 'rule show', `neigh show dev ${device} nud all`],
    ...[
      'neigh show proxy',
      'nexthop show',
      `maddr show dev ${device}`,
      'token list',
      'mptcp endpoint show',
      'xfrm policy',
    ],
  ];
  const trees = ['ipv4', 'ipv6'].flatMap((family) =>
    ['conf', 'neigh'].flatMap((tree) =>
      [device, 'default'].map((name) => `/proc/sys/net/${family}/${tree}/${name}`),
    ),
  );
  const own = `/sys/class/net/${device}`;
  const files = [
    'queues/*/rps_*',
    'queues/*/xps_*',
    'queues/*/tx_maxrate',
    'gro_flush_timeout',
    'napi_defer_hard_irqs',
    'threaded',
  ];
  // A filter does not say where it was found: the loopback's qdisc stands between.
  const tc = [
    `qdisc show dev ${device}`,
    `class show dev ${device}`,
    ...filterParents.flatMap((at) => ['qdisc show dev lo', `filter show dev ${device} ${at}`]),
  ];
  return [
    say('ip', `ip -d -j -force -batch - ${batch(ip)}`),
    say('ip6', `ip -6 -d -j -force -batch - ${batch(['rule show'])}`),
    say('bridge', `bridge -d -j -batch - ${batch(['link show', 'fdb show'])}`),
    // Text, since tc 6.1 writes classes as text also with -j, and leaves matches of u32 out of its JSON.
    say('tc', `tc -d -force -batch - ${batch(tc)}`),
    say(
      'others',
      'for other in /sys/class/net/m[0-9]*; do [ -e $other ] || continue; echo at $other; tc -d filter show dev $(basename $other) egress; done',
    ),
    say('ethtool', `ethtool -k ${device} | sed 1d`),
    say('nft', 'nft -s -j list ruleset'),
    say('files', `grep -rs . ${[...trees, ...files.map((file) => `${own}/${file}`)].join(' ')}`),
    say('end', 'true'),
  ].join('\n');
};

/**
 * Reads a device's network state at both ends by iproute2, tc, nft, ethtool and /proc, none of which is ours. Its two
 * names are written as `DEV` where a line belongs to the device, so that a change of name is one difference; what refers
 * to it by name (rules, firewalls) keeps the name.
 */
export async function snapshot(
  shells: Record<DeviceEnd, NamespaceShell>,
  names: Pick<DeviceNames, 'device'>,
): Promise<NetworkStateSnapshot> {
  const sections = await Promise.all(
    bothEnds.map(async (end) => {
      const device = names.device[end];
      const { output } = await shells[end].run(script(device));
      const parts = new Map(
        output.split(mark).map((part) => {
          const at = part.indexOf('\n');
          return [part.slice(0, at), part.slice(at + 1)] as const;
        }),
      );
      if (!parts.has('end')) throw new Error(`snapshot of ${device}: ${output.slice(-500)}`);
      return sectionsOf((name) => parts.get(name) ?? '', device).map((each) => ({ end, ...each }));
    }),
  );
  return sections.flat();
}

/**
 * Waits until the kernel has checked all addresses for duplicates, and bridges forward by all their ports, which gives
 * them their carrier: until then it adds routes and groups by itself.
 */
export async function waitUntilSettled(shells: Record<DeviceEnd, NamespaceShell>): Promise<void> {
  const pending = 'ip -6 -o address show tentative | grep -v dadfailed | grep -q .';
  const unknown = "ip -o link show type bridge | grep -q 'state UNKNOWN'";
  const learning = "bridge link show | grep -qE 'state (listening|learning)'";
  // A bridge has a carrier as long as it forwards by a port; the kernel tells a moment later.
  const carriers =
    'ip -o link show type bridge up | sed \'s/^[0-9]*: \\([^:]*\\): <\\([^>]*\\)>.*/\\1 \\2/\' | while read bridge flags; do case $flags in *NO-CARRIER*) has=no;; *) has=yes;; esac; bridge link show | grep -q "master $bridge state forwarding" && does=yes || does=no; [ $has = $does ] || echo $bridge; done | grep -q .';
  const wait = `n=0; while { ${pending} || ${unknown} || ${learning} || ${carriers}; } && [ $n -lt 300 ]; do sleep 0.2; n=$((n + 1)); done`;
  await Promise.all(bothEnds.map((end) => shells[end].run(wait)));
}

const objects = (text: string): IpObject[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('['))
    .map((line) => JSON.parse(line) as IpObject[]);

/** Splits what tc wrote at the loopback's qdiscs, which stand before each attach point's filters. */
function splitAtLoopback(text: string): string[] {
  const parts: string[][] = [[]];
  for (const line of text.split('\n').toReversed()) {
    if (parts.length <= filterParents.length && line.startsWith('qdisc noqueue 0:')) parts.push([]);
    else parts.at(-1)?.push(line);
  }
  return parts.map((lines) => lines.toReversed().join('\n')).toReversed();
}

const linesWith = (text: string, pattern: RegExp): string =>
  text
    .split('\n')
    .filter((line) => pattern.test(line))
    .join('\n');

function sectionsOf(output: Outputs, device: string): SnapshotLines[] {
  const read = objects(output('ip'));
  const [links, addresses, routes, rules, neighbors, proxies, hops, groups, tokens = [], endpoints = []] =
    read;
  if (!links || !addresses || !routes || !rules || !neighbors || !proxies || !hops || !groups)
    throw new Error(`ip answered ${read.length} of 8 requests for ${device}: ${output('ip').slice(-800)}`);
  const [ports = [], entries = []] = objects(output('bridge'));
  const [devices = '', ...filters] = splitAtLoopback(output('tc'));
  const text = (section: string, from: string): SnapshotLines => ({
    section,
    lines: textLines(section, from, device),
  });
  const keyed = (section: string, ...words: Parameters<typeof keyedLines>): SnapshotLines => ({
    section,
    lines: keyedLines(...words),
  });
  return [
    { section: 'link', lines: linkLines(links, device) },
    { section: 'address', lines: addressLines(addresses, device) },
    { section: 'route', lines: routeLines(routes, device) },
    keyed('rule', [...rules, ...objects(output('ip6')).flat()], ({ priority }) => `${priority}`),
    { section: 'neighbor', lines: neighborLines(neighbors, device) },
    { section: 'proxy', lines: neighborLines(proxies, device) },
    keyed('nexthop', hops, ({ id }) => `${id}`, device),
    keyed(
      'multicast',
      groups.flatMap(({ maddr }) => maddr as IpObject[]),
      ({ link, address }) => `${link ?? address}`,
    ),
    // `::` is none; interfaces without ARP are not listed.
    keyed(
      'token',
      tokens.filter(({ token }) => token !== '::'),
      ({ ifname }) => `${ifname}`,
      device,
    ),
    keyed('mptcp', endpoints, ({ address }) => `${address}`, device),
    text('xfrm', output('ip').slice(output('ip').lastIndexOf(']\n') + 2)),
    keyed('bridge port', ports, ({ ifname }) => `${ifname}`, device),
    keyed(
      'fdb',
      entries.filter(({ state }) => state === 'permanent' || state === 'static'),
      ({ mac, ifname, flags }) => `${mac} ${ifname} ${JSON.stringify(flags)}`,
      device,
    ),
    text('qdisc', linesWith(devices, /^qdisc/)),
    text('class', linesWith(devices, /^class/)),
    ...filters.map((each, i) => text(`filter ${filterParents[i] ?? i}`, each)),
    text('others', output('others')),
    text('ethtool', output('ethtool')),
    text('sysctl', linesWith(output('files'), /^\/proc/)),
    text('queues', linesWith(output('files'), /^\/sys/)),
    { section: 'firewall', lines: firewallLines(output('nft')) },
  ];
}
