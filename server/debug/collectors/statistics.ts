import { readFileSync } from 'node:fs';
import { readEthtoolStatistics } from '../../kernel/ethtool-statistics.ts';
import { currentNamespace, withNamespace } from '../../kernel/netns.ts';
import { listLinks } from '../../netlink/link.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import {
  addJson,
  completeContent,
  type DumpContext,
  fileOf,
  hostTarget,
  type NamespaceTarget,
} from '../dump-context.ts';

/** Of the whole machine. */
const ofMachine: readonly [file: string, title: string][] = [
  ['/proc/stat', 'CPU time, context switches, softirqs by sum'],
  ['/proc/softirqs', 'Softirqs by CPU'],
  ['/proc/interrupts', 'Interrupts by CPU'],
  ['/proc/net/softnet_stat', 'Packets processed, dropped and squeezed, by CPU'],
];

/** Below /proc/net: of one namespace. */
const ofNamespace: readonly [file: string, title: string][] = [
  ['dev', 'Devices’ counters'],
  ['snmp', 'Counters of IPv4, ICMP, TCP, UDP'],
  ['snmp6', 'Counters of IPv6'],
  ['netstat', 'Further counters of TCP and IP'],
  ['sockstat', 'Sockets in use'],
  ['sockstat6', 'IPv6 sockets in use'],
];

export async function collectStatistics(taking: DumpContext): Promise<void> {
  for (const [file, title] of ofMachine) {
    const path = `statistics/${file.slice('/proc/'.length).replaceAll('/', '-')}`;
    await taking.files.add({ path, title, command: `cat ${file}` }, () =>
      completeContent(readFileSync(file)),
    );
  }
  await collectNamespaceStatistics(taking, hostTarget);
}

/** What a namespace counts: its protocols, and its devices' drivers. */
export async function collectNamespaceStatistics(
  { files }: DumpContext,
  place: NamespaceTarget,
): Promise<void> {
  using own = place.fd === null ? currentNamespace() : null;
  const fd = place.fd ?? own!.fd;
  for (const [file, title] of ofNamespace)
    await files.add(fileOf(place, `proc/${file}`, title, `cat /proc/net/${file}`), () =>
      // thread-self: /proc/net is the main thread's, of the namespace that it was in when it was looked up.
      completeContent(withNamespace(fd, () => readFileSync(`/proc/thread-self/net/${file}`))),
    );
  const title = 'Statistics of the devices’ drivers; null: the driver has none, as netkit’s';
  await addJson(files, fileOf(place, 'ours/ethtool.json', title, 'ethtool -S, of each device'), async () => {
    using socket = NetlinkSocket.inNamespace(fd);
    const names = (await listLinks(socket)).map(({ name }) => name);
    return withNamespace(fd, () => readEthtoolStatistics(names));
  });
}
