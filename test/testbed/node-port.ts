/** Port of the host that is translated to port 80 of the pod. */
export const nodePort = 30080;

/** Addresses of a host and of a machine outside, on the link between them. */
export const linkAddresses = {
  ipv4: { host: '10.9.0.1', outside: '10.9.0.2' },
  ipv6: { host: 'fd09::1', outside: 'fd09::2' },
} as const;

/** Addresses of the pod that the node port leads to. */
export const nodePortPod = { ipv4: '10.42.0.2', ipv6: 'fd42::2' } as const;

/** Formats lines of `ip -batch` that give a device an address of each family and set it up. */
export const formatAddressLines = (device: string, ipv4: string, ipv6: string): string[] => [
  `address add ${ipv4} dev ${device}`,
  `address add ${ipv6} dev ${device} nodad`,
  `link set ${device} up`,
];

/**
 * Formats lines of `ip -batch` for a host and for a machine outside, which are linked by `hx` and `x0`.
 * @param outside name of the machine's network namespace
 */
export const formatLinkLines = (outside: string): { host: string[]; outside: string[] } => ({
  host: [
    `link add hx type veth peer name x0 netns ${outside}`,
    ...formatAddressLines('hx', `${linkAddresses.ipv4.host}/24`, `${linkAddresses.ipv6.host}/64`),
  ],
  outside: [
    'link set lo up',
    ...formatAddressLines('x0', `${linkAddresses.ipv4.outside}/24`, `${linkAddresses.ipv6.outside}/64`),
    `route add default via ${linkAddresses.ipv4.host}`,
    `route add default via ${linkAddresses.ipv6.host}`,
  ],
});

/**
 * Formats chains of an inet table in which the host's node port leads to the pod, as does an echo request to the host.
 * @param source what translates the source of these connections, by family: `masquerade`, `snat ip to 10.9.0.1`
 */
export const formatNodePortChains = (source: Record<'ipv4' | 'ipv6', string>): string => `
  chain pre { type nat hook prerouting priority -100;
    ip daddr ${linkAddresses.ipv4.host} meta l4proto { tcp, udp } th dport ${nodePort} dnat ip to ${nodePortPod.ipv4}:80
    ip daddr ${linkAddresses.ipv4.host} icmp type echo-request dnat ip to ${nodePortPod.ipv4}
    ip6 daddr ${linkAddresses.ipv6.host} meta l4proto { tcp, udp } th dport ${nodePort} dnat ip6 to [${nodePortPod.ipv6}]:80
    ip6 daddr ${linkAddresses.ipv6.host} icmpv6 type echo-request dnat ip6 to ${nodePortPod.ipv6}
  }
  chain post { type nat hook postrouting priority 100;
    ct status dnat meta nfproto ipv4 ${source.ipv4}
    ct status dnat meta nfproto ipv6 ${source.ipv6}
  }`;
