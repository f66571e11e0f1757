/* SPDX-License-Identifier: GPL-2.0 */
/* Layouts of Ethernet, IPv4 and IPv6 headers, access to a packet's bytes, and the programs' return codes. */
#ifndef PODLANE_HEADERS_H
#define PODLANE_HEADERS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/*
 * -1 is TCX_NEXT, NETKIT_NEXT and TC_ACT_UNSPEC: foreign programs after ours still run. After the last
 * program NEXT lets the packet pass, on a netkit end with policy blackhole too: the policy counts only
 * where no program is attached.
 */
#define VERDICT_NEXT (-1)
#define VERDICT_DROP 2
#define VERDICT_REDIRECT 7
/* Result of a check that does not drop the packet, in place of an enum podlane_drop_reason. */
#define ACCEPT (-1)

struct ipv4 {
	__u8 version_ihl, tos;
	__be16 total_length;
	__be16 id, fragment;
	__u8 ttl, protocol;
	__be16 checksum;
	__be32 source, destination;
};

struct ipv6 {
	__u32 version_class_label;
	__be16 payload_length;
	__u8 next_header, hop_limit;
	__u32 source[4], destination[4];
};

struct frame {
	__be16 to[3], from[3];
	__be16 type;
};

/* IP header of a valid frame in linear memory: at most one of the pointers is set. */
struct headers {
	struct ipv4 *ip4;
	struct ipv6 *ip6;
};

/*
 * In assembler: a compiler that keeps these across a check extends them from 32 bits, no pointers to the verifier.
 * Nor does it know that a packet is not at NULL.
 */
#define PACKET_POINTER(skb, field) ({                                                                        \
	void *pointer;                                                                                       \
	asm volatile("%0 = *(u32 *)(%1 + %2)"                                                                \
		     : "=r"(pointer) : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, field)));          \
	__builtin_assume(pointer != NULL);                                                                   \
	pointer; })

/*
 * Returns the frame with its first `size` bytes in linear memory, NULL where it is shorter. Frames are read at their
 * Ethernet header, as eth_type_trans() on the other side will: at netkit/peer skb->protocol and the network
 * header are what a packet socket in the pod chose.
 */
static __always_inline void *pull_linear(struct __sk_buff *skb, __u32 size)
{
	void *data = PACKET_POINTER(skb, data);

	if (data + size <= PACKET_POINTER(skb, data_end))
		return data;
	if (bpf_skb_pull_data(skb, size) < 0)
		return NULL;
	data = PACKET_POINTER(skb, data);
	if (data + size > PACKET_POINTER(skb, data_end))
		return NULL;
	return data;
}

/* True if a header has no options, and the length of the frame, which is linear with the header. */
static __always_inline int is_plain4(const struct __sk_buff *skb, const struct ipv4 *ip)
{
	return ip->version_ihl == 0x45 && bpf_ntohs(ip->total_length) == skb->len - ETH_HLEN;
}

static __always_inline int is_plain6(const struct __sk_buff *skb, const struct ipv6 *ip)
{
	return (ip->version_class_label & bpf_htonl(0xf0000000)) == bpf_htonl(0x60000000) &&
	       bpf_ntohs(ip->payload_length) + sizeof(*ip) == skb->len - ETH_HLEN;
}

#endif
