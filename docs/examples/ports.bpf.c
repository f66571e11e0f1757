// SPDX-License-Identifier: GPL-2.0
/*
 * Two programs for a pod's hooks, to be attached beside Podlane's own: one counts UDP datagrams by destination
 * port, one drops those to a port. Built by scripts/build-bpf.sh.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* TCX_NEXT, NETKIT_NEXT and TC_ACT_UNSPEC: programs after this one still run. */
#define NEXT (-1)
#define DROP 2

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u16);
	__type(value, __u64);
} datagrams SEC(".maps");

/* discard (RFC 863) */
#define DROPPED_PORT 9

/* The destination port of a UDP datagram over IPv4, host order; 0 for all else. From the network header: netkit's
 * packets in mode l3 have no Ethernet header that could be relied on. */
static __always_inline __u16 udp_port(struct __sk_buff *skb)
{
	struct iphdr ip;
	struct udphdr udp;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return 0;
	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET) < 0)
		return 0;
	if (ip.protocol != IPPROTO_UDP || ip.frag_off & bpf_htons(0x1fff))
		return 0;
	if (bpf_skb_load_bytes_relative(skb, ip.ihl * 4, &udp, sizeof(udp), BPF_HDR_START_NET) < 0)
		return 0;
	return bpf_ntohs(udp.dest);
}

SEC("tc")
int count_ports(struct __sk_buff *skb)
{
	__u64 one = 1, *count;
	__u16 port = udp_port(skb);

	if (port == 0)
		return NEXT;
	count = bpf_map_lookup_elem(&datagrams, &port);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&datagrams, &port, &one, BPF_NOEXIST);
	return NEXT;
}

SEC("netkit/peer")
int drop_port(struct __sk_buff *skb)
{
	return udp_port(skb) == DROPPED_PORT ? DROP : NEXT;
}

char LICENSE[] SEC("license") = "GPL";
