/* SPDX-License-Identifier: GPL-2.0 */
/* The short way to another pod of the node. */
#ifndef PODLANE_REDIRECT_H
#define PODLANE_REDIRECT_H

#include <linux/if_packet.h>
#include "validate.h"

/*
 * Where a packet of slot `own` to the address of `endpoint` can be sent at once: the target's slot, its number in
 * `number`; NULL: to the stack. A packet too big for the target is the stack's, which answers so.
 */
static __always_inline struct podlane_slot *target_of(struct __sk_buff *skb, __u32 own,
						      const struct podlane_endpoint *endpoint, __u32 *number)
{
	__u32 mtu = 0;

	if (!endpoint || endpoint->slot == own)
		return NULL;
	*number = endpoint->slot;
	struct podlane_slot *target = bpf_map_lookup_elem(&slots, number);
	if (!target || !target->owner || target->owner != endpoint->owner)
		return NULL;
	/* Answers an error when the device is gone. */
	if (bpf_check_mtu(skb, PODLANE_IFINDEX_BASE + 2 * *number, &mtu, 0, BPF_MTU_CHK_SEGS))
		return NULL;
	return target;
}

/*
 * `ip`: the header behind the frame's. Written in place, which a call would take longer for; the verifier has a
 * packet's headers made its own before from_pod runs, and nothing is written before it is certain to be sent on.
 * Words that are not aligned: machines that BPF is fast on have those.
 */
static __always_inline int send_on(void *ip, const struct podlane_slot *target, __u32 number)
{
	struct frame *frame = ip - ETH_HLEN;

	*(__u64 *)frame->to = target->macs.to_and_from;
	*(__u32 *)(frame->from + 1) = target->macs.from;
	return bpf_redirect(PODLANE_IFINDEX_BASE + 2 * number, 0);
}

static __always_inline int redirect4(struct __sk_buff *skb, __u32 own, struct ipv4 *ip, __u32 *number)
{
	if (ip->version_ihl != 0x45 || ip->ttl <= 1)
		return VERDICT_NEXT;
	struct podlane_slot *target = target_of(skb, own, endpoint4(ip->destination), number);
	if (!target)
		return VERDICT_NEXT;
	ip->ttl--;
	/* RFC 1141, as ip_decrease_ttl(): the header's sum stays what it was, and with it a CHECKSUM_COMPLETE. */
	__u32 checksum = ip->checksum + bpf_htons(0x0100);
	ip->checksum = checksum + (checksum >= 0xffff);
	return send_on(ip, target, *number);
}

static __always_inline int redirect6(struct __sk_buff *skb, __u32 own, struct ipv6 *ip, __u32 *number)
{
	/* Next header 0 is hop-by-hop options, which every router reads. */
	if (!ip->next_header || ip->hop_limit <= 1 || stays_on_link(ip->source))
		return VERDICT_NEXT;
	struct podlane_slot *target = target_of(skb, own, endpoint6(ip->destination), number);
	if (!target)
		return VERDICT_NEXT;
	ip->hop_limit--;
	/* A sum of the whole packet, where the skb carries one: a 16-bit word has become one less. */
	bpf_csum_update(skb, bpf_htons(0xfffe));
	return send_on(ip, target, *number);
}

/*
 * VERDICT_REDIRECT when the packet goes to another pod of this node, its slot in `number`; else VERDICT_NEXT, the
 * packet as it was.
 */
static __always_inline int redirect(struct __sk_buff *skb, __u32 own, const struct headers *headers, __u32 *number)
{
	if (skb->pkt_type != PACKET_HOST) /* to a MAC address that is not the primary's: no router takes it */
		return VERDICT_NEXT;
	if (headers->ip4)
		return redirect4(skb, own, headers->ip4, number);
	if (headers->ip6)
		return redirect6(skb, own, headers->ip6, number);
	return VERDICT_NEXT;
}

#endif
