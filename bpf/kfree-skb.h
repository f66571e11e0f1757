/* SPDX-License-Identifier: GPL-2.0 */
/* Filters packets that tracepoint kfree_skb reports as drops although nothing was lost. */
#ifndef PODLANE_KFREE_SKB_H
#define PODLANE_KFREE_SKB_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "kernel-types.h"

static __always_inline __u8 byte_at(const unsigned char *at)
{
	__u8 byte = 0;

	bpf_probe_read_kernel(&byte, 1, at);
	return byte;
}

/*
 * True if the packet is an echo reply that no ping socket received. The kernel reports it as a drop even after a
 * raw socket has received it (ping_rcv(), net/ipv4/ping.c): every ping by root, and our own probes, would count.
 */
static __always_inline int is_echo_reply(struct sk_buff *skb, __u32 reason)
{
	if (!bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_NO_SOCKET) ||
	    reason != bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NO_SOCKET))
		return 0;
	const unsigned char *ip = skb->head + skb->network_header;
	const unsigned char *icmp = skb->head + skb->transport_header;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return byte_at(ip + 9) == 1 && byte_at(icmp) == 0;
	return skb->protocol == bpf_htons(ETH_P_IPV6) && byte_at(ip + 6) == 58 && byte_at(icmp) == 129;
}

#endif
