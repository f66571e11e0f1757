import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { withNamespace } from './netns.ts';

const root = '/proc/sys';

/** Those that decide how a node forwards, filters and buffers packets, and what BPF may do. */
const wanted =
  /^(net\/(core|ipv4|ipv6|netfilter)\/|kernel\/(unprivileged_bpf_disabled|bpf_stats_enabled|kptr_restrict|dmesg_restrict|osrelease|version|sched_rt_runtime_us)$|user\/max_net_namespaces$|fs\/(file-max|nr_open)$)/;
/** Of one interface; those of `all`, `default` and `lo` are told in full. */
const ofInterface =
  /\/(forwarding|rp_filter|proxy_arp|proxy_ndp|accept_local|route_localnet|send_redirects|accept_redirects|arp_ignore|arp_announce|arp_filter|arp_notify|src_valid_mark|disable_policy|disable_ipv6|accept_ra|accept_dad|dad_transmits|addr_gen_mode|mtu|hop_limit)$/;
const interfaceFolder = /^net\/ipv[46]\/(conf|neigh)\/(?!(all|default|lo)\/)/;
/** Keys, not settings: what they are derived from would tell connections of others. */
const secret = /(^|\/)(tcp_fastopen_key|stable_secret)$/;
const readAtOnce = 100;

/**
 * `name = value` lines, as `sysctl` prints them, of the sysctls that matter to networking, in the namespace of `fd` (null: ours). Never
 * keys. Lets other work go on between.
 */
export async function dumpNetworkSysctls(fd: number | null): Promise<string> {
  const within = <T>(act: () => T): T => (fd === null ? act() : withNamespace(fd, act));
  const paths = within(() => ['net', 'kernel', 'user', 'fs'].flatMap(pathsBelow)).filter(isWanted);
  const lines: string[] = [];
  for (let from = 0; from < paths.length; from += readAtOnce) {
    const some = paths.slice(from, from + readAtOnce);
    lines.push(...within(() => some.flatMap(read)));
    await turn();
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
    return []; // an interface that has gone
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) =>
      entry.isDirectory() ? deeper(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
    );
}

/** Folders that hold nothing wanted are not looked into. */
const deeper = (folder: string): string[] =>
  /^net(\/(core|ipv4|ipv6|netfilter)(\/|$)|$)/.test(folder) ? pathsBelow(folder) : [];

/** Nothing of one that can only be written, or whose interface has gone. */
function read(path: string): string[] {
  try {
    const name = path.replaceAll(/[./]/g, (mark) => (mark === '/' ? '.' : '/'));
    return [`${name} = ${readFileSync(`${root}/${path}`, 'utf8').replace(/\n$/, '')}`];
  } catch {
    return [];
  }
}
