// SPDX-License-Identifier: GPL-2.0
/*
 * Reports the kernel's drops of traced packets, at tracepoint kfree_skb, which fires for the whole machine. Attached
 * while a trace runs.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include "kfree-skb.h"
#include "slot-layout.h"

#define TRACES 8
#define HEADER_BYTES 96

struct address {
	__u64 word[2]; /* network order; IPv4 as ::ffff:a.b.c.d */
};

/* Running traces by address of a traced pod, one bit per trace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct address);
	__type(value, __u32);
} traced SEC(".maps");

/* A trace's filter of its pod's packets; a field of 0 matches any. Mirrored in server/trace/kernel-drop-observer.ts. */
struct drop_filter {
	struct address peer;
	__be16 port;
	__u8 protocol; /* ICMP matches ICMPv6 as well */
	__u8 family;
	__u32 has_peer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TRACES);
	__type(key, __u32);
	__type(value, struct drop_filter);
} drop_filters SEC(".maps");

struct trace_drop {
	__u64 time; /*  0: CLOCK_MONOTONIC, ns */
	__u32 traces; /*  8: a bit each */
	__u32 reason; /* 12 */
	__u32 netns; /* 16: inode of the device's or the socket's network namespace; 0: unknown */
	__u32 ifindex; /* 20 */
	__u8 headers[HEADER_BYTES]; /* 24: from the network header on */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 262144);
} trace_drops SEC(".maps");

/* Number of drops that were not reported because the ring buffer was full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost_trace_drops SEC(".maps");

struct flow {
	struct address source, destination;
	__be16 source_port, destination_port;
	__u8 protocol, family;
};

struct ipv4_start {
	__u8 version_ihl, tos;
	__be16 length, id, fragment;
	__u8 ttl, protocol;
	__be16 checksum;
	__be32 source, destination;
};

struct ipv6_start {
	__u32 version;
	__be16 length;
	__u8 next_header, hop_limit;
	struct address source, destination;
};

static __always_inline struct address mapped_address(__be32 address)
{
	return (struct address){ { 0, bpf_cpu_to_be64(0xffff00000000ULL) | (__u64)address << 32 } };
}

static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Reads addresses and ports. Ports behind IPv6 extension headers are not read. */
static __always_inline int read_flow(struct sk_buff *skb, struct flow *flow)
{
	const unsigned char *start = skb->head + skb->network_header, *ports;
	__be16 protocol = skb->protocol;

	if (protocol == bpf_htons(ETH_P_IP)) {
		struct ipv4_start ip;
		if (bpf_probe_read_kernel(&ip, sizeof(ip), start) || ip.version_ihl >> 4 != 4)
			return -1;
		flow->family = 4;
		flow->protocol = ip.protocol;
		flow->source = mapped_address(ip.source);
		flow->destination = mapped_address(ip.destination);
		ports = ip.fragment & bpf_htons(0x1fff) ? 0 : start + (ip.version_ihl & 15) * 4;
	} else if (protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6_start ip;
		if (bpf_probe_read_kernel(&ip, sizeof(ip), start) || (ip.version & bpf_htonl(0xf0000000)) != bpf_htonl(0x60000000))
			return -1;
		flow->family = 6;
		flow->protocol = ip.next_header;
		flow->source = ip.source;
		flow->destination = ip.destination;
		ports = start + sizeof(ip);
	} else {
		return -1;
	}
	if (ports && has_ports(flow->protocol)) {
		bpf_probe_read_kernel(&flow->source_port, 2, ports);
		bpf_probe_read_kernel(&flow->destination_port, 2, ports + 2);
	}
	return 0;
}

static __always_inline int same_address(const struct address *a, const struct address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1];
}

static __always_inline int matches_filter(const struct flow *flow, const struct drop_filter *filter)
{
	if (filter->family && filter->family != flow->family)
		return 0;
	if (filter->protocol && filter->protocol != flow->protocol &&
	    !(filter->protocol == IPPROTO_ICMP && flow->protocol == IPPROTO_ICMPV6))
		return 0;
	if (filter->port && filter->port != flow->source_port && filter->port != flow->destination_port)
		return 0;
	return !filter->has_peer || same_address(&filter->peer, &flow->source) || same_address(&filter->peer, &flow->destination);
}

static __always_inline __u32 matching_traces(const struct flow *flow)
{
	__u32 *source = bpf_map_lookup_elem(&traced, &flow->source);
	__u32 *destination = bpf_map_lookup_elem(&traced, &flow->destination);
	__u32 traces = (source ? *source : 0) | (destination ? *destination : 0);

	for (__u32 i = 0; i < TRACES; i++) {
		__u32 number = i;
		if (!(traces & 1 << i))
			continue;
		struct drop_filter *filter = bpf_map_lookup_elem(&drop_filters, &number);
		if (!filter || !matches_filter(flow, filter))
			traces &= ~(1 << i);
	}
	return traces;
}

static __always_inline __u32 drop_netns(struct sk_buff *skb, struct sock *receiver, __u32 *ifindex)
{
	struct net_device *dev = skb->dev;
	struct sock *sk = skb->sk;
	__u32 netns = 0;

	/* skb->dev may be overwritten (see drops.bpf.c), so that the socket's namespace is used. */
	if (dev) {
		netns = dev->nd_net.net->ns.inum;
		*ifindex = dev->ifindex;
	}
	if (!netns && sk)
		netns = sk->__sk_common.skc_net.net->ns.inum;
	if (!netns && receiver)
		netns = receiver->__sk_common.skc_net.net->ns.inum;
	return netns;
}

/* Set by the loader in .rodata: the tracepoint has a fourth argument, the receiving socket (Linux 6.11). */
volatile const __u32 has_receiver = 0;

SEC("tp_btf/kfree_skb") int trace_drop(__u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct flow flow = {};

	if (read_flow(skb, &flow))
		return 0;
	__u32 traces = matching_traces(&flow);
	if (!traces || is_echo_reply(skb, ctx[2]))
		return 0;
	struct trace_drop *drop = bpf_ringbuf_reserve(&trace_drops, sizeof(*drop), 0);
	if (!drop) {
		__u32 zero = 0;
		__u64 *lost = bpf_map_lookup_elem(&lost_trace_drops, &zero);
		if (lost)
			__sync_fetch_and_add(lost, 1);
		return 0;
	}
	drop->time = bpf_ktime_get_ns();
	drop->traces = traces;
	drop->reason = ctx[2];
	drop->ifindex = 0;
	drop->netns = drop_netns(skb, has_receiver ? (struct sock *)ctx[3] : 0, &drop->ifindex);
	if (bpf_probe_read_kernel(drop->headers, HEADER_BYTES, skb->head + skb->network_header))
		drop->headers[0] = 0;
	bpf_ringbuf_submit(drop, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
