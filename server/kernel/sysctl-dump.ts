import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { runInNetworkNamespace } from '../netlink/setns.ts';

const root = '/proc/sys';

/** Sysctls to include: how the node forwards, filters and buffers packets, and which BPF features are allowed. */
const wanted =
  /^(net\/(core|ipv4|ipv6|netfilter)\/|kernel\/(unprivileged_bpf_disabled|bpf_stats_enabled|kptr_restrict|dmesg_restrict|osrelease|version|sched_rt_runtime_us)$|user\/max_net_namespaces$|fs\/(file-max|nr_open)$)/;
/** Sysctls to include for an ordinary interface; for `all`, `default` and `lo`, every sysctl is included. */
const ofInterface =
  /\/(forwarding|rp_filter|proxy_arp|proxy_ndp|accept_local|route_localnet|send_redirects|accept_redirects|arp_ignore|arp_announce|arp_filter|arp_notify|src_valid_mark|disable_policy|disable_ipv6|accept_ra|accept_dad|dad_transmits|addr_gen_mode|mtu|hop_limit)$/;
const interfaceFolder = /^net\/ipv[46]\/(conf|neigh)\/(?!(all|default|lo)\/)/;
/** Sysctls with secret keys, which would allow connections to be forged or addresses to be predicted. */
const secret = /(^|\/)(tcp_fastopen_key|stable_secret)$/;
const readAtOnce = 100;

/**
 * Reads the sysctls that matter to networking in the namespace of `fd` (null: the current one) as `name = value` lines,
 * like sysctl(8), without secret keys. It yields to the event loop in between.
 */
export async function dumpNetworkSysctls(fd: number | null): Promise<string> {
  const within = <T>(act: () => T): T => (fd === null ? act() : runInNetworkNamespace(fd, act));
  const paths = within(() => ['net', 'kernel', 'user', 'fs'].flatMap(pathsBelow)).filter(isWanted);
  const lines: string[] = [];
  for (let from = 0; from < paths.length; from += readAtOnce) {
    const some = paths.slice(from, from + readAtOnce);
    lines.push(...within(() => some.flatMap(read)));
    await yieldToEventLoop();
  }
  return lines.map((line) => `${line}\n`).join('');
}

const isWanted = (path: string): boolean =>
  wanted.test(path) && !secret.test(path) && (!interfaceFolder.test(path) || ofInterface.test(path));

function pathsBelow(folder: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(`${root}/${folder}`, { withFileTypes: true });
  } catch {
    return []; // the interface is gone
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) =>
      entry.isDirectory() ? pathsBelowIfWanted(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
    );
}

/** Lists the sysctl paths below a folder; empty for a folder without sysctls to include. */
const pathsBelowIfWanted = (folder: string): string[] =>
  /^net(\/(core|ipv4|ipv6|netfilter)(\/|$)|$)/.test(folder) ? pathsBelow(folder) : [];

/** Formats a sysctl as a line; empty if it is write-only or its interface no longer exists. */
function read(path: string): string[] {
  try {
    const name = path.replaceAll(/[./]/g, (mark) => (mark === '/' ? '.' : '/'));
    return [`${name} = ${readFileSync(`${root}/${path}`, 'utf8').replace(/\n$/, '')}`];
  } catch {
    return [];
  }
}
