/** What stands between two snapshots: the very same device, a new one of its kind, or one of another kind. */
export type SnapshotComparison = 'same-device' | 'same-kind' | 'other-kind';

interface Mask {
  section: RegExp;
  /** Lines that are left out as a whole. */
  key?: RegExp;
  /** Parts of a value that are left out. */
  value?: RegExp;
  reason: string;
}

/** What differs by the nature of things, by what stands between. */
const masks: Record<SnapshotComparison, readonly Mask[]> = {
  'same-device': [
    {
      section: /^address$/,
      value: /"(tentative|optimistic)":true,?/g,
      reason: 'ends by itself when no other host answers',
    },
    {
      section: /^link$/,
      key: /(hold|message_age|forward_delay|gc|tcn|topology_change|hello)_timer/,
      reason: 'a bridge counts down',
    },
    {
      section: /^link$/,
      value: /"(\w+_timer|topology_change_ack|fdb_n_learned)":[\d.]+,?/g,
      reason: 'a bridge counts down, and what it has learned',
    },
    {
      section: /^bridge port$/,
      value: /"mcast_n_groups":\d+,?/g,
      reason: 'counts the groups that a bridge learned from reports',
    },
    { section: /^qdisc$/, value: / direct_packets_stat \d+/g, reason: 'statistics' },
    {
      section: /^others$/,
      value: / used_hw_stats \w+/g,
      reason: 'the kernel reports of an action that no hardware counts, once it was listed or replaced',
    },
    { section: /^(qdisc|class)$/, value: / refcnt \d+/g, reason: 'counts readers too' },
    {
      section: /^class$/,
      key: /^class (cake|fq_codel|sfq|fq_pie) /,
      reason: 'flows, which the qdisc begins and ends with the packets that it holds',
    },
  ],
  'same-kind': [
    {
      section: /^link$/,
      key: /^DEV (ifindex|link_index|link)$/,
      reason: 'the new device has its own ifindexes',
    },
    {
      section: /^(bridge port|fdb|nexthop|multicast)$/,
      value: /"(ifindex|link_index)":\d+,?/g,
      reason: 'the new device has its own ifindexes',
    },
    { section: /^bridge port$/, value: /"link":"\w+",?/g, reason: 'names the other end’s ifindex' },
    {
      section: /^link$/,
      value: /"(id|no|designated_port|root_id|bridge_id|designated_root|designated_bridge)":("[^"]*"|\d+),?/g,
      reason: 'a bridge numbers its ports as they come',
    },
    {
      section: /^(qdisc|class|filter .*|others)$/,
      value: /\b8[0-9a-f]{3}:/g,
      reason: 'handles that the kernel chose',
    },
    {
      section: /^route$/,
      key: /^IPv6 anycast fe80:: /,
      reason: 'the kernel lists those of several interfaces in the order in which they came up',
    },
    {
      section: /^(filter .*|others)$/,
      value: /\b80[0-9a-f]:|\bht 80[0-9a-f]\b/g,
      reason: 'the kernel numbers the hash tables of u32 as they come',
    },
    {
      section: /^(filter .*|others)$/,
      value: /\b(index|ref|bind) \d+/g,
      reason: 'the kernel numbers actions as they come',
    },
  ],
  'other-kind': [
    {
      section: /^link$/,
      key: /^DEV (linkinfo|link_type|address|broadcast|min_mtu|max_mtu|num_[rt]x_queues|tso_max_\w+)$/,
      reason: 'belongs to the kind',
    },
    { section: /^link$/, value: /"(NOARP|BROADCAST|MULTICAST)",?/g, reason: 'belongs to the kind' },
    {
      section: /^(address|route|multicast)$/,
      key: /fe80::[0-9a-f:]*ff:fe/,
      reason: 'link-local addresses of the MAC',
    },
    { section: /^address$/, key: /order of inet6/, reason: 'link-local addresses of the MAC' },
    {
      section: /^(multicast|fdb)$/,
      key: /^(33:33:|01:00:5e|ff0|224\.0\.0\.1)/,
      reason: 'the kernel joins groups by the kind and its MAC',
    },
    { section: /^ethtool$/, value: / \[(fixed|requested [^\]]+)\]/g, reason: 'belongs to the kind' },
  ],
};

/** Takes the ends of names apart that a mask left: `{"a":1,}`. */
const tidy = (value: string): string => value.replace(/,(?=[}\]])/g, '');

/** @returns the value without what may differ; null for a line that may differ as a whole */
export function maskLine(
  comparison: SnapshotComparison,
  section: string,
  key: string,
  value: string,
): string | null {
  const order: SnapshotComparison[] = ['same-device', 'same-kind', 'other-kind'];
  let left = value;
  for (const each of order.slice(0, order.indexOf(comparison) + 1).flatMap((name) => masks[name])) {
    if (!each.section.test(section)) continue;
    if (each.key?.test(key)) return null;
    if (each.value) left = left.replace(each.value, '');
  }
  return tidy(left);
}
