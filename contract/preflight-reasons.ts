/**
 * Subjects of a preflight, in the order in which they are shown, and what is looked at: of the node, of each pod, or of
 * both. This file has no schemas, so that browsers can load it alone.
 */
export const preflightSubjects = {
  kernel: {
    title: 'Kernel',
    node: 'netkit and the other kernel features, each by using it',
    pod: 'netkit, by using it',
  },
  helpers: {
    title: 'BPF helpers',
    node: 'the BPF helpers that depend on the hook, by calling them at netkit’s',
  },
  forwarding: {
    title: 'Forwarding',
    node: 'forwarding of both families, and the host’s reverse path filter',
    pod: 'forwarding of the pod’s families, and the host’s reverse path filter',
  },
  slots: { title: 'Device slots', node: 'free device slots: a pod has two devices while it migrates' },
  agents: {
    title: 'Other network agents',
    node: 'interfaces, BPF programs, processes, CNI configurations and files of other network agents',
    pod: 'the name, the bridge and the programs of its device, by which it belongs to another network agent',
  },
  device: {
    title: 'Device',
    pod: 'its namespace and interfaces, the names and indexes of a second device, other operations',
  },
  runtime: {
    title: 'Runtime',
    pod: 'processes and interfaces of virtual machines in its namespace, and the runtime’s name where known',
  },
  programs: { title: 'BPF programs', pod: 'programs of others on its hooks, and the helpers that they call' },
  xdp: { title: 'XDP', pod: 'XDP programs and their links on both ends' },
  qdiscs: { title: 'Traffic control', pod: 'qdiscs, classes, filters and actions of both ends' },
  queues: { title: 'Queues', pod: 'settings of the queues of both ends, and leased queues' },
  sockets: {
    title: 'Sockets',
    pod: 'TCP, UDP, raw, packet and XDP sockets bound to either end, and multicast groups',
  },
  children: {
    title: 'Interfaces on top',
    pod: 'macvlan, ipvlan, VLAN and tunnel devices on either end, in every namespace',
  },
  mtu: { title: 'MTU', pod: 'the MTUs of both ends and of the uplink' },
  network: {
    title: 'Addresses and routes',
    pod: 'addresses, routes, next hops, neighbor entries, routing rules and bridge entries of both ends',
  },
  firewall: {
    title: 'Firewall',
    pod: 'rules of nftables and iptables that name either end, in the pod and on the host',
  },
  nat: {
    title: 'Address translation',
    node: 'NAT chains of nftables, and NAT tables of iptables',
    pod: 'its masqueraded connections, and programs and actions on its device that translate',
  },
  settings: {
    title: 'Settings',
    pod: 'sysctls, offloads, link settings, IPsec and MPTCP of both ends, tried on a device of the new kind',
  },
} as const satisfies Record<string, { title: string; node?: string; pod?: string }>;
export type PreflightSubject = keyof typeof preflightSubjects;

/** Lists the subjects of the node or of a pod. */
export const listPreflightSubjects = (of: 'node' | 'pod'): PreflightSubject[] =>
  (Object.keys(preflightSubjects) as PreflightSubject[]).filter(
    (subject) => of in preflightSubjects[subject],
  );

/** Says what is looked at for a subject. */
export const describeLook = (subject: PreflightSubject, of: 'node' | 'pod'): string =>
  (preflightSubjects[subject] as Partial<Record<typeof of, string>>)[of] ?? '';

interface ReasonText {
  subject: PreflightSubject;
  title: string;
  /** What to do about it; null if the finding says it, or nothing is to be done. */
  remedy: string | null;
  /** Command that does it. */
  command?: string;
}

const acceptIt = 'Accept it as an item of the migration’s plan';

/** Reasons that a preflight finds, with the remedy of each. */
export const preflightReasons = {
  no_netkit: {
    subject: 'kernel',
    title: 'The kernel has no netkit',
    remedy: 'The pod stays on veth. Boot a kernel with CONFIG_NETKIT (Linux 6.7, or a backport).',
  },
  feature_missing: {
    subject: 'kernel',
    title: 'The kernel lacks a feature that Podlane uses',
    remedy: null,
  },
  helper_lacking: {
    subject: 'helpers',
    title: 'A BPF helper does not work at netkit’s hooks',
    remedy: 'Programs that need it belong on tcx/ingress of the primary, where it works on netkit as well.',
  },
  helpers_not_probed: {
    subject: 'helpers',
    title: 'Which BPF helpers work at netkit’s hooks is not known',
    remedy: 'Try a pod with such a program first.',
  },
  host_not_ready: {
    subject: 'forwarding',
    title: 'The host does not forward, or filters reverse paths strictly',
    remedy: 'Set the sysctls, and keep them in /etc/sysctl.d.',
    command: 'sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0',
  },
  no_slot: {
    subject: 'slots',
    title: 'No free device slot',
    remedy: 'Start the agent with a larger --max-slots.',
  },
  foreign_agent: {
    subject: 'agents',
    title: 'Another network agent runs on the node',
    remedy: 'It keeps its own pods. Leave them to it, or remove it before pods of it are adopted.',
  },
  foreign_agent_repairs: {
    subject: 'agents',
    title: 'The pod’s device belongs to another network agent, which would repair it',
    remedy: 'Leave the pod to that agent, or remove the agent from the node first.',
  },
  foreign_agent_left: {
    subject: 'agents',
    title: 'Another network agent left something behind',
    remedy: 'Remove what is left, if the agent is not coming back.',
  },
  agents_not_read: {
    subject: 'agents',
    title: 'Whether another network agent runs is not fully known',
    remedy: 'Run the agent with hostPID and the folder of the CNI configurations (--cni-config).',
  },
  node_nat: {
    subject: 'nat',
    title: 'The node translates addresses',
    remedy: null,
  },
  nat_not_respected: {
    subject: 'nat',
    title: 'The redirect does not respect the node’s NAT',
    remedy: 'Load nf_conntrack, or turn the redirect off for the node.',
  },
  nat_not_read: {
    subject: 'nat',
    title: 'Whether the node translates addresses is not known',
    remedy: null,
  },

  pod_gone: {
    subject: 'device',
    title: 'The pod’s network namespace is gone',
    remedy: 'The pod has ended; remove it with DELETE /api/v1/pods/:id.',
  },
  device_missing: {
    subject: 'device',
    title: 'The pod’s device is gone',
    remedy: 'Another process deleted it. Podlane replaces it within seconds; look again.',
  },
  migration_running: {
    subject: 'device',
    title: 'A migration of the pod is running',
    remedy: 'Wait for it to end: GET /api/v1/migrations/:id.',
  },
  pod_busy: {
    subject: 'device',
    title: 'Another operation on the pod is running',
    remedy: 'Look again when it has ended.',
  },
  second_interface: {
    subject: 'device',
    title: 'The pod has a second interface',
    remedy: 'Podlane migrates pods that have one interface beside the loopback.',
  },
  interface_in_use: {
    subject: 'device',
    title: 'A name or an index of the second device is taken',
    remedy: 'Rename or delete the interface that has it.',
  },
  renamed: {
    subject: 'device',
    title: 'The new interface keeps a temporary name',
    remedy: 'The pod’s name becomes an alternative one. Linux 6.2 renames interfaces that are up.',
  },
  virtual_machine: {
    subject: 'runtime',
    title: 'The runtime is a virtual machine',
    remedy: 'Leave it on veth: the machine is connected to the interface itself, not to the namespace.',
  },
  runtime_not_known: {
    subject: 'runtime',
    title: 'Whether the runtime is a virtual machine is not known',
    remedy: 'Run the agent in the node’s PID namespace (hostPID).',
  },
  program_carried: {
    subject: 'programs',
    title: 'Programs of others go to the hooks of the new device',
    remedy: null,
  },
  program_helper: {
    subject: 'programs',
    title: 'A program calls a BPF helper that does not work the same at netkit’s hooks',
    remedy:
      'Attach the program to tcx/ingress or tcx/egress of the primary after the migration, or change it; otherwise accept it as an item of the plan.',
  },
  program_not_read: {
    subject: 'programs',
    title: 'The helpers that a program calls are not known',
    remedy: 'Let the agent see kernel addresses (kernel.kptr_restrict=0 or 1), or ask the program’s owner.',
  },
  xdp_program: {
    subject: 'xdp',
    title: 'netkit has no XDP hook',
    remedy: `Detach the program, or have its owner attach a tc program to tcx/ingress instead. ${acceptIt} to go without it.`,
  },
  xdp_link: {
    subject: 'xdp',
    title: 'An XDP program is attached by a link',
    remedy: `The process that holds the link has to attach it again. ${acceptIt} to go on.`,
  },
  qdisc: {
    subject: 'qdiscs',
    title: 'The new device does not take a qdisc',
    remedy: `Delete it, or limit the pod elsewhere. ${acceptIt} to go without it.`,
  },
  traffic_class: {
    subject: 'qdiscs',
    title: 'The new device does not take a traffic class',
    remedy: `Delete it with its qdisc. ${acceptIt} to go without it.`,
  },
  filter: {
    subject: 'qdiscs',
    title: 'A filter cannot be made again',
    remedy: `Write it without hash tables of its own. ${acceptIt} to go without it.`,
  },
  redirecting_action: {
    subject: 'qdiscs',
    title: 'An action that redirects is not carried over',
    remedy: `Add it again after the migration. ${acceptIt} to go on.`,
  },
  queue_setting: {
    subject: 'queues',
    title: 'netkit has one queue',
    remedy: `Spread packets on the uplink instead. ${acceptIt} to go on.`,
  },
  leased_queue: {
    subject: 'queues',
    title: 'The device leases queues',
    remedy: 'Its owner has to lease them again for another device.',
  },
  socket: {
    subject: 'sockets',
    title: 'Sockets are bound to the interface',
    remedy: `Stop the program, or restart it after the migration. ${acceptIt} to go on.`,
  },
  socket_not_read: {
    subject: 'sockets',
    title: 'The kernel does not report all bound sockets',
    remedy:
      'Stop programs that bind to the interface, or load the kernel’s module, such as raw_diag or xsk_diag.',
  },
  multicast_group: {
    subject: 'sockets',
    title: 'Multicast groups are joined on the interface',
    remedy: `Restart the program after the migration. ${acceptIt} to go on.`,
  },
  child_interface: {
    subject: 'children',
    title: 'Interfaces are on top of the device',
    remedy:
      'Delete them, and make them again after the migration: the kernel would delete them with the old device.',
  },
  mtu_above_uplink: {
    subject: 'mtu',
    title: 'The pod’s MTU is larger than the uplink’s',
    remedy: 'It stays as it is. Lower it if larger packets are lost on the way.',
  },
  mtu_differs: {
    subject: 'mtu',
    title: 'The ends of the device have different MTUs',
    remedy: 'Both are carried over. Set them alike, unless it is meant so.',
  },
  bridge_port: {
    subject: 'network',
    title: 'netkit in L3 mode cannot be the port of a bridge',
    remedy: 'Use mode l2, or take the device out of the bridge and route to the pod.',
  },
  bridge_entry: {
    subject: 'network',
    title: 'Forwarding entries of a bridge are not carried over',
    remedy: `Add them again after the migration. ${acceptIt} to go on.`,
  },
  link_layer: {
    subject: 'network',
    title: 'The new device has no link-layer addresses',
    remedy: 'Nothing to do, unless a program needs MAC addresses: then attach the pod with mode l2.',
  },
  neighbor: {
    subject: 'network',
    title: 'Neighbor entries go',
    remedy: `netkit in L3 mode needs none. ${acceptIt}.`,
  },
  address: {
    subject: 'network',
    title: 'An address changes',
    remedy: `${acceptIt}.`,
  },
  route: {
    subject: 'network',
    title: 'A route changes',
    remedy: `${acceptIt}.`,
  },
  routing_rule: {
    subject: 'network',
    title: 'A routing rule names the interface',
    remedy: `Write it for a prefix instead of the interface. ${acceptIt} to go on.`,
  },
  firewall_rule: {
    subject: 'firewall',
    title: 'A firewall rule that names the interface cannot have a twin',
    remedy: `Write it for the pod’s addresses, or with nftables. ${acceptIt} to go on.`,
  },
  masqueraded_connection: {
    subject: 'nat',
    title: 'Masqueraded connections end',
    remedy: `Migrate when they have ended. ${acceptIt} to cut them.`,
  },
  masquerade_not_read: {
    subject: 'nat',
    title: 'The kernel does not list its connections',
    remedy: 'Masqueraded connections of the pod may end. Build or load nf_conntrack_netlink.',
  },
  translator: {
    subject: 'nat',
    title: 'A program or action may translate addresses, unknown to the kernel’s conntrack',
    remedy: 'Turn the redirect of the pod off, so that its packets pass it.',
  },
  setting: {
    subject: 'settings',
    title: 'The new device does not take a setting',
    remedy: `${acceptIt} to go without it.`,
  },
  mptcp_endpoint: {
    subject: 'settings',
    title: 'An MPTCP endpoint is made again',
    remedy: `Its subflows end, connections go on by others. ${acceptIt}.`,
  },
  xfrm: {
    subject: 'settings',
    title: 'IPsec is bound to the interface',
    remedy: `Let the daemon negotiate again after the migration. ${acceptIt} to go on.`,
  },
  not_rehearsed: {
    subject: 'settings',
    title: 'Which settings netkit takes was not tried',
    remedy: 'It is tried on a netkit device, which this kernel cannot make.',
  },
  not_looked: {
    subject: 'device',
    title: 'The pod could not be looked at',
    remedy: 'Look again; if it stays so, see the agent’s log.',
  },
  not_reached: {
    subject: 'device',
    title: 'The pod was not looked at in the time of one request',
    remedy: 'Ask again: results so far are used again.',
  },
} as const satisfies Record<string, ReasonText>;
export type PreflightReason = keyof typeof preflightReasons;

/** Outcomes of a finding, the worst first. */
export const preflightOutcomes = ['refused', 'unknown', 'loss', 'not_checked', 'note'] as const;
export type PreflightOutcome = (typeof preflightOutcomes)[number];

export const preflightVerdicts = ['refused', 'unknown', 'ready_with_losses', 'ready', 'on_netkit'] as const;
export type PreflightVerdict = (typeof preflightVerdicts)[number];

/** Returns the worst outcome of findings; `passed` if there are none. */
export function worstOutcome(
  findings: readonly { outcome: PreflightOutcome }[],
): PreflightOutcome | 'passed' {
  return preflightOutcomes.find((outcome) => findings.some((each) => each.outcome === outcome)) ?? 'passed';
}

/** Derives a pod's verdict from all its findings. */
export function toPreflightVerdict(
  kind: string,
  findings: readonly { outcome: PreflightOutcome }[],
): PreflightVerdict {
  if (kind === 'netkit') return 'on_netkit';
  const worst = worstOutcome(findings);
  if (worst === 'refused' || worst === 'unknown') return worst;
  return worst === 'loss' ? 'ready_with_losses' : 'ready';
}
