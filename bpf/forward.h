/* SPDX-License-Identifier: GPL-2.0 */
/* Changes the headers of packets as a router does that forwards them. */
#ifndef PODLANE_FORWARD_H
#define PODLANE_FORWARD_H

#include "headers.h"
#include "slot-layout.h"

static __always_inline void forward4(struct ipv4 *ip)
{
	ip->ttl--;
	/* RFC 1141, as ip_decrease_ttl(): the sum over the header stays the same, and with it a CHECKSUM_COMPLETE. */
	__u32 checksum = ip->checksum + bpf_htons(0x0100);
	ip->checksum = checksum + (checksum >= 0xffff);
}

static __always_inline void forward6(struct __sk_buff *skb, struct ipv6 *ip)
{
	ip->hop_limit--;
	/* Updates the skb's sum of the whole packet, where it has one: a 16-bit word has become one less. */
	bpf_csum_update(skb, bpf_htons(0xfffe));
}

/* The words are not aligned, which machines with a BPF JIT allow. */
static __always_inline void write_macs(struct frame *frame, __u64 to_and_from, __u32 from)
{
	*(__u64 *)frame->to = to_and_from;
	*(__u32 *)(frame->from + 1) = from;
}

#endif
