/* SPDX-License-Identifier: GPL-2.0 */
/* Validates the headers of frames and, on egress, the source address, before any rules. */
#ifndef PODLANE_VALIDATE_H
#define PODLANE_VALIDATE_H

#include "slot-maps.h"
#include "headers.h"

static __always_inline int owns(const struct podlane_slot *slot, const struct podlane_endpoint *endpoint)
{
	return endpoint && endpoint->owner && endpoint->owner == slot->owner;
}

static __always_inline int validate_source4(const struct podlane_slot *slot, __u32 flags, __be32 source)
{
	if (source == slot->addr4 && flags & PODLANE_HAS_ADDR4)
		return ACCEPT;
	return owns(slot, lookup_endpoint4(source)) ? ACCEPT : PODLANE_SPOOFED_SOURCE;
}

/* True for a link-local or unspecified source, which no router forwards (RFC 4291 2.5.2, 2.5.6). */
static __always_inline int is_link_scoped(const __u32 *source)
{
	return (source[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000) ||
	       !(source[0] | source[1] | source[2] | source[3]);
}

static __always_inline int validate_source6(const struct podlane_slot *slot, __u32 flags, const __u32 *source)
{
	if (flags & PODLANE_HAS_ADDR6 && source[0] == slot->addr6[0] && source[1] == slot->addr6[1] &&
	    source[2] == slot->addr6[2] && source[3] == slot->addr6[3])
		return ACCEPT;
	if (is_link_scoped(source))
		return ACCEPT;
	return owns(slot, lookup_endpoint6(source)) ? ACCEPT : PODLANE_SPOOFED_SOURCE;
}

static __always_inline int validate4(struct __sk_buff *skb, const struct ipv4 *ip,
				     const struct podlane_slot *slot, __u32 flags)
{
	__u32 length = skb->len - ETH_HLEN;
	__u32 total = bpf_ntohs(ip->total_length);

	if (!total && skb->gso_size) /* BIG TCP: longer than the field can express */
		total = length;
	/* Version 4 and a header of 5 to 15 words: 0x45 to 0x4f. */
	if ((__u8)(ip->version_ihl - 0x45) > 10 || total < (ip->version_ihl & 15) * 4u || total > length)
		return PODLANE_MALFORMED;
	return flags & PODLANE_CHECK_SOURCE ? validate_source4(slot, flags, ip->source) : ACCEPT;
}

static __always_inline int validate6(struct __sk_buff *skb, const struct ipv6 *ip,
				     const struct podlane_slot *slot, __u32 flags)
{
	if ((ip->version_class_label & bpf_htonl(0xf0000000)) != bpf_htonl(0x60000000) ||
	    bpf_ntohs(ip->payload_length) + sizeof(*ip) > skb->len - ETH_HLEN)
		return PODLANE_MALFORMED;
	return flags & PODLANE_CHECK_SOURCE ? validate_source6(slot, flags, ip->source) : ACCEPT;
}

/* Validates a frame that is too short for an IPv4 header or not IP. */
static __always_inline int validate_other(__be16 type)
{
	if (type == bpf_htons(ETH_P_IP) || type == bpf_htons(ETH_P_IPV6))
		return PODLANE_MALFORMED;
	return type == bpf_htons(ETH_P_ARP) ? ACCEPT : PODLANE_UNKNOWN_PROTOCOL;
}

/* Returns ACCEPT or a drop reason. The slot's `flags` tell if the source is checked; they are 0 on ingress. */
static __always_inline int validate(struct __sk_buff *skb, const struct podlane_slot *slot, __u32 flags,
				    struct headers *headers)
{
	struct frame *frame = pull_linear(skb, ETH_HLEN + sizeof(struct ipv4));

	headers->ip4 = NULL;
	headers->ip6 = NULL;
	if (!frame) {
		frame = pull_linear(skb, ETH_HLEN);
		if (!frame)
			return PODLANE_MALFORMED;
		return skb->vlan_present ? PODLANE_UNKNOWN_PROTOCOL : validate_other(frame->type);
	}
	if (skb->vlan_present)
		return PODLANE_UNKNOWN_PROTOCOL;
	if (frame->type == bpf_htons(ETH_P_IP)) {
		headers->ip4 = (void *)frame + ETH_HLEN;
		return validate4(skb, headers->ip4, slot, flags);
	}
	if (frame->type == bpf_htons(ETH_P_IPV6)) {
		frame = pull_linear(skb, ETH_HLEN + sizeof(struct ipv6));
		if (!frame)
			return PODLANE_MALFORMED;
		headers->ip6 = (void *)frame + ETH_HLEN;
		return validate6(skb, headers->ip6, slot, flags);
	}
	return validate_other(frame->type);
}

#endif
