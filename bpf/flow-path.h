/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decides if a packet between two pods may be redirected past the host stack, which it may not where the stack
 * translates addresses of its flow (NAT): the stack has to see both directions. The kernel's conntrack is asked once a
 * flow. from_pod asks and remembers; to_pod forgets a path as soon as a packet of the flow comes out of the stack, since
 * ports may be used again, for a service now. Losing `flow_paths` is harmless: the next packet asks again. Whoever writes
 * a path other than to redirect advances the flow's generation, so that decisions that were made before are void.
 */
#ifndef PODLANE_FLOW_PATH_H
#define PODLANE_FLOW_PATH_H

#include "kernel-conntrack.h"
#include "parse.h"

/* Read without a look-up. Not pinned: with the programs of another build, nothing that was decided by it remains. */
volatile __u32 flow_generations[PODLANE_FLOW_GENERATIONS];

/*
 * Reads ports, or an echo's identifier, at `offset` of the frame. Returns 0 for what conntrack cannot be asked for:
 * other protocols, and ICMP errors, whose quoted packet only the stack translates. ICMP echoes have no NAT in conntrack
 * that programs could see; their path is known from how the request came.
 */
static __always_inline int read_flow_ports(struct __sk_buff *skb, struct flow *flow, __u32 offset, __u32 *request)
{
	__u8 header[8];

	if (bpf_skb_load_bytes(skb, offset, header, sizeof(header)) < 0)
		return 0;
	if (flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP) {
		flow->source_port = *(__be16 *)header;
		flow->destination_port = *(__be16 *)(header + 2);
		return 1;
	}
	__u8 echo = flow->family == 4 ? 8 : 128, reply = flow->family == 4 ? 0 : 129;
	if (flow->protocol != (flow->family == 4 ? IPPROTO_ICMP : PROTOCOL_ICMPV6) ||
	    (header[0] != echo && header[0] != reply))
		return 0;
	*request = header[0] == echo;
	flow->source_port = flow->destination_port = *(__be16 *)(header + 4);
	return 1;
}

/*
 * Reads the flow of an IPv4 packet. Returns 0 for what only the stack may forward: fragments, of which later ones have
 * no ports, and packets with options.
 */
static __always_inline int read_flow4(struct __sk_buff *skb, const struct ipv4 *ip, struct flow *flow, __u32 *request)
{
	if (ip->version_ihl != 0x45 || ip->fragment & bpf_htons(0x3fff))
		return 0;
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->family = 4;
	flow->protocol = ip->protocol;
	flow->source[0] = ip->source;
	flow->destination[0] = ip->destination;
	return read_flow_ports(skb, flow, ETH_HLEN + sizeof(struct ipv4), request);
}

/* Reads the flow of an IPv6 packet. Returns 0 as read_flow4(), also for a packet with extension headers. */
static __always_inline int read_flow6(struct __sk_buff *skb, const struct ipv6 *ip, struct flow *flow, __u32 *request)
{
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->family = 6;
	flow->protocol = ip->next_header;
	__builtin_memcpy(flow->source, ip->source, sizeof(flow->source));
	__builtin_memcpy(flow->destination, ip->destination, sizeof(flow->destination));
	return read_flow_ports(skb, flow, ETH_HLEN + sizeof(struct ipv6), request);
}

static __always_inline int is_source_lower(const struct flow *flow)
{
	if (flow->family == 4)
		return flow->source[0] < flow->destination[0];
	for (int i = 0; i < 3; i++)
		if (flow->source[i] != flow->destination[i])
			return flow->source[i] < flow->destination[i];
	return flow->source[3] < flow->destination[3];
}

static __always_inline void make_flow_key(struct podlane_flow_key *key, const struct flow *flow)
{
	if (is_source_lower(flow)) {
		__builtin_memcpy(key->low, flow->source, sizeof(key->low));
		__builtin_memcpy(key->high, flow->destination, sizeof(key->high));
		key->low_port = flow->source_port;
		key->high_port = flow->destination_port;
	} else {
		__builtin_memcpy(key->low, flow->destination, sizeof(key->low));
		__builtin_memcpy(key->high, flow->source, sizeof(key->high));
		key->low_port = flow->destination_port;
		key->high_port = flow->source_port;
	}
	key->family_protocol = flow->family << 8 | flow->protocol;
}

/* Hashes both directions of a flow to the same index of `flow_generations`. */
static __always_inline __u32 hash_flow(const struct podlane_flow_key *key)
{
	__u64 addresses = (__u64)(key->low[0] ^ key->low[1] ^ key->low[2] ^ key->low[3]) << 32 |
			  (key->high[0] ^ key->high[1] ^ key->high[2] ^ key->high[3]);

	return hash_word(addresses ^ (key->low_port << 16 | key->high_port), PODLANE_FLOW_GENERATION_BITS);
}

static __always_inline volatile __u32 *flow_generation(__u64 flow)
{
	asm volatile("%0 &= %1" : "+r"(flow) : "i"(PODLANE_FLOW_GENERATIONS - 1)); /* the compiler would leave it out */
	return &flow_generations[flow];
}

/* A flow's generation, read before its path. */
struct flow_generation {
	__u32 flow; /* index in `flow_generations` */
	__u32 generation;
	__u32 is_known; /* `flow_paths` had its path */
};

/* Reads a flow's generation; atomically, so that no CPU reads the flow's path before. */
static __always_inline void read_flow_generation(struct flow_generation *read, const struct podlane_flow_key *key)
{
	read->flow = hash_flow(key);
	read->generation = __sync_val_compare_and_swap(flow_generation(read->flow), 0, 0);
}

static __always_inline void set_flow_path(const struct podlane_flow_key *key, __u32 path)
{
	bpf_map_update_elem(&flow_paths, key, &path, BPF_ANY);
	if (path == PODLANE_PATH_REDIRECT)
		return;
	__u32 before = __sync_fetch_and_add(flow_generation(hash_flow(key)), 1);
	asm volatile("" : : "r"(before)); /* an addition whose result nobody reads orders nothing */
}

/* Returns the path that the kernel's conntrack demands for packets with exactly these ends; 0 if it knows none. */
static __noinline __u32 ask_kernel_conntrack(struct __sk_buff *skb, const struct flow *flow)
{
	struct nf_conn *connection = lookup_kernel_connection(skb, flow);

	if (!connection)
		return 0;
	__u32 path = is_translated(connection) ? PODLANE_PATH_STACK : PODLANE_PATH_REDIRECT;
	bpf_ct_release(connection);
	return path;
}

/* Asks conntrack for the path of a flow, and remembers it in `flow_paths`. */
static __noinline __u32 choose_flow_path(struct __sk_buff *skb, const struct flow *flow,
					 const struct podlane_flow_key *key)
{
	__u32 path = 0;

	if (flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP) {
		struct flow reverse = {
			.source_port = flow->destination_port,
			.destination_port = flow->source_port,
			.family = flow->family,
			.protocol = flow->protocol,
		};
		__builtin_memcpy(reverse.source, flow->destination, sizeof(reverse.source));
		__builtin_memcpy(reverse.destination, flow->source, sizeof(reverse.destination));
		path = ask_kernel_conntrack(skb, flow);
		/* Answers from there may belong to a connection through a service, whose ports this flow uses again. */
		if (!path)
			path = ask_kernel_conntrack(skb, &reverse);
	}
	if (!path)
		path = PODLANE_PATH_REDIRECT;
	set_flow_path(key, path);
	return path;
}

/*
 * An echo request to a pod's own address is not translated, so that its path is chosen anew where one before came out of the
 * stack: redirecting was off then, or another translated address led to the same pod.
 */
static __always_inline int may_redirect(struct __sk_buff *skb, const struct flow *flow, __u32 request,
					struct flow_generation *read)
{
	struct podlane_flow_key key;

	make_flow_key(&key, flow);
	read_flow_generation(read, &key);
	__u32 *known = bpf_map_lookup_elem(&flow_paths, &key);
	__u32 path = known ? *known : PODLANE_PATH_UNKNOWN;
	read->is_known = path == PODLANE_PATH_REDIRECT || (path == PODLANE_PATH_STACK && !request);
	if (!read->is_known)
		path = choose_flow_path(skb, flow, &key);
	return path == PODLANE_PATH_REDIRECT;
}

/* True if the redirect respects NAT on this kernel; without conntrack there is no NAT to respect. */
static __always_inline int can_tell_paths(void)
{
	return !(config.features & PODLANE_KERNEL_CONNTRACK) || config.features & PODLANE_KERNEL_CONTEXT;
}

/*
 * Notes that a packet of the flow came out of the stack: answers to it must go there as well. A flow without a path is
 * noted too, since it may be among the kept `decisions` still.
 */
static __always_inline void note_flow_from_stack(const struct flow *flow, __u32 request)
{
	struct podlane_flow_key key;

	make_flow_key(&key, flow);
	__u32 *known = bpf_map_lookup_elem(&flow_paths, &key);
	if (known && (*known == PODLANE_PATH_STACK || (!request && *known == PODLANE_PATH_UNKNOWN)))
		return;
	set_flow_path(&key, request ? PODLANE_PATH_STACK : PODLANE_PATH_UNKNOWN);
}

/* This and the next function are not inlined, so that their variables are not on the stack of what else programs call. */
static __noinline int note_packet4(struct __sk_buff *skb, const struct ipv4 *ip)
{
	struct flow flow;
	__u32 request = 0;

	if (read_flow4(skb, ip, &flow, &request))
		note_flow_from_stack(&flow, request);
	return 0;
}

static __noinline int note_packet6(struct __sk_buff *skb, const struct ipv6 *ip)
{
	struct flow flow;
	__u32 request = 0;

	if (read_flow6(skb, ip, &flow, &request))
		note_flow_from_stack(&flow, request);
	return 0;
}

/* Notes a packet that reaches a pod, where it comes from another pod and through the host stack. */
static __always_inline void note_packet_to_pod(struct __sk_buff *skb, const struct headers *headers)
{
	if ((config.features & FEATURES_OF_PATHS) != FEATURES_OF_PATHS || was_redirected(skb))
		return;
	if (headers->ip4 && lookup_endpoint4(headers->ip4->source))
		note_packet4(skb, headers->ip4);
	else if (headers->ip6 && lookup_endpoint6(headers->ip6->source))
		note_packet6(skb, headers->ip6);
}

#endif
