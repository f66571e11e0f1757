/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looks connections up in the kernel's conntrack. The functions are weak: where nf_conntrack is a module that is not
 * loaded they do not exist, and config.features keeps the verifier from the code that calls them.
 */
#ifndef PODLANE_KERNEL_CONNTRACK_H
#define PODLANE_KERNEL_CONNTRACK_H

#include <bpf/bpf_core_read.h>
#include "kernel-types.h"
#include "slot-maps.h"

/* A flow's path needs both: what conntrack knows of it, and how a packet came to the other pod. */
#define FEATURES_OF_PATHS (PODLANE_KERNEL_CONNTRACK | PODLANE_KERNEL_CONTEXT)

/* include/net/netfilter/nf_conntrack_bpf.h. The first 12 bytes are all that kernels before 6.10 know, later ones too. */
struct podlane_ct_options {
	__s32 netns_id, error;
	__u8 l4proto, dir, reserved[2];
};

/* Bits of nf_conn.status, include/uapi/linux/netfilter/nf_conntrack_common.h. */
#define CONNECTION_SRC_NAT (1 << 4)
#define CONNECTION_DST_NAT (1 << 5)

#define WEAK_KERNEL_FUNCTION __ksym __attribute__((weak))
struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, __u32 tuple_size,
				  struct podlane_ct_options *options, __u32 options_size) WEAK_KERNEL_FUNCTION;
void bpf_ct_release(struct nf_conn *connection) WEAK_KERNEL_FUNCTION;
void *bpf_cast_to_kern_ctx(void *context) WEAK_KERNEL_FUNCTION;

/* Addresses and ports of a packet in the order of its direction; an IPv4 address is the first word. */
struct flow {
	__u32 source[4], destination[4];
	__be16 source_port, destination_port;
	__u8 family; /* 4 or 6 */
	__u8 protocol;
};

static __always_inline struct nf_conn *lookup_kernel_connection(struct __sk_buff *skb, const struct flow *flow)
{
	struct podlane_ct_options options;
	struct bpf_sock_tuple tuple;

	/* Set one by one: an initializer would be a constant in .rodata, where config is all that the agent expects. */
	__builtin_memset(&tuple, 0, sizeof(tuple));
	__builtin_memset(&options, 0, sizeof(options));
	options.netns_id = -1; /* the namespace of the packet's device */
	options.l4proto = flow->protocol;
	if (flow->family == 4) {
		tuple.ipv4.saddr = flow->source[0];
		tuple.ipv4.daddr = flow->destination[0];
		tuple.ipv4.sport = flow->source_port;
		tuple.ipv4.dport = flow->destination_port;
		return bpf_skb_ct_lookup(skb, &tuple, sizeof(tuple.ipv4), &options, sizeof(options));
	}
	__builtin_memcpy(tuple.ipv6.saddr, flow->source, sizeof(tuple.ipv6.saddr));
	__builtin_memcpy(tuple.ipv6.daddr, flow->destination, sizeof(tuple.ipv6.daddr));
	tuple.ipv6.sport = flow->source_port;
	tuple.ipv6.dport = flow->destination_port;
	return bpf_skb_ct_lookup(skb, &tuple, sizeof(tuple.ipv6), &options, sizeof(options));
}

/*
 * True if NAT changes a connection's packets. Who adds NAT without netfilter's chains (IPVS, ctnetlink) sets no status
 * bit, so the tuples are compared as well. Indexes are literals: CO-RE relocates no others.
 */
static __always_inline int is_translated(const struct nf_conn *connection)
{
	if (connection->status & (CONNECTION_SRC_NAT | CONNECTION_DST_NAT))
		return 1;
#define DIFFERS(i)                                                                                              \
	(connection->tuplehash[0].tuple.src.u3.all[i] != connection->tuplehash[1].tuple.dst.u3.all[i] ||        \
	 connection->tuplehash[0].tuple.dst.u3.all[i] != connection->tuplehash[1].tuple.src.u3.all[i])
	if (DIFFERS(0) || DIFFERS(1) || DIFFERS(2) || DIFFERS(3))
		return 1;
#undef DIFFERS
	return connection->tuplehash[0].tuple.src.u.all != connection->tuplehash[1].tuple.dst.u.all ||
	       connection->tuplehash[0].tuple.dst.u.all != connection->tuplehash[1].tuple.src.u.all;
}

/* True if a program redirected the packet here: the host stack clears the mark when it takes a packet. */
static __always_inline int was_redirected(struct __sk_buff *skb)
{
	if (!(config.features & PODLANE_KERNEL_CONTEXT))
		return 0;
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	return BPF_CORE_READ_BITFIELD(kernel, redirected);
}

#endif
