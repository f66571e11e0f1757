import type { Container } from '../../../scripts/runtimes/container.ts';
import type { IsolatedHost } from '../../../scripts/runtimes/isolated-host/isolated-host.ts';

/**
 * Shows a network namespace by the tools of the field: links with all details, addresses, routes, rules, neighbors, qdiscs,
 * filters, firewall, sysctls, attached programs.
 */
const script = `
show() { echo "== $*"; "$@"; }
show ip -d link
show ip -d address
show ip -4 -d route show table all
show ip -6 -d route show table all
show ip rule
show ip -6 rule
show ip neigh show nud permanent
show bridge link
show tc qdisc
for device in $(ip -o link | sed -E 's/^[0-9]+: ([^:@]+).*/\\1/'); do
  show tc filter show dev $device ingress
  show tc filter show dev $device egress
done
show nft --stateless list ruleset
show grep -rs '' /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/ipv4/ip_forward
show bpftool net show
`;

/**
 * Reads the network state of a host and of its containers as text, so that two readings can be compared. Programs are
 * listed without those whose name matches.
 */
export async function readForeignNetwork(
  host: IsolatedHost,
  containers: readonly Container[],
  withoutPrograms?: RegExp,
): Promise<Record<string, string[]>> {
  const namespaces = { host: host.netns, ...Object.fromEntries(containers.map((c) => [c.name, c.netns])) };
  const read: Record<string, string[]> = {};
  for (const [name, netns] of Object.entries(namespaces))
    for (const section of (await host.runIn(netns, ['sh', '-c', script])).split(/^== /m)) {
      const [command = '', ...lines] = withoutTimers(section).split('\n');
      read[`${name}: ${command}`] = lines.filter(
        (line) => !withoutPrograms?.test(/ (\S+) (?:prog_)?id /.exec(line)?.[1] ?? ''),
      );
    }
  return read;
}

/** Lifetimes of addresses and routes count down, as do timers of bridges. */
const withoutTimers = (text: string): string =>
  text.replace(/(valid_lft|preferred_lft|expires) \d+sec/g, '$1 -').replace(/(\w+_timer) +\d+\.\d+/g, '$1 -');
