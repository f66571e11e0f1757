/* SPDX-License-Identifier: GPL-2.0 */
/* Validates the headers of frames and, on egress, the source address, before any rules. */
#ifndef PODLANE_VALIDATE_H
#define PODLANE_VALIDATE_H

#include "slot-maps.h"
#include "headers.h"

#define VLAN_ID_MASK 0x0fff

static __always_inline int owns(const struct podlane_slot *slot, const struct podlane_endpoint *endpoint)
{
	return endpoint && endpoint->owner && endpoint->owner == slot->owner;
}

/* Decides on a source that is no address of the pod: one of its prefixes passes unless it is another pod's address. */
static __noinline int validate_foreign_source(const struct podlane_slot *slot,
					      const struct podlane_endpoint *endpoint, const __u32 *address)
{
	struct podlane_source_prefix key = { .prefix_length = 32 + 128, .owner = slot->owner };

	if (!(slot->flags & PODLANE_SOURCE_PREFIXES) || (endpoint && endpoint->owner))
		return PODLANE_SPOOFED_SOURCE;
	__builtin_memcpy(key.address, address, sizeof(key.address));
	__u32 *allowed = bpf_map_lookup_elem(&source_prefixes, &key);
	return allowed && *allowed ? ACCEPT : PODLANE_SPOOFED_SOURCE;
}

static __always_inline int validate_source4(const struct podlane_slot *slot, __u32 flags, __be32 source)
{
	if (source == slot->addr4 && flags & PODLANE_HAS_ADDR4)
		return ACCEPT;
	struct podlane_endpoint *endpoint = lookup_endpoint4(source);
	if (owns(slot, endpoint))
		return ACCEPT;
	__u32 mapped[4] = { 0, 0, bpf_htonl(0xffff), source };
	return validate_foreign_source(slot, endpoint, mapped);
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
	struct podlane_endpoint *endpoint = lookup_endpoint6(source);
	if (owns(slot, endpoint))
		return ACCEPT;
	/* No IPv4-mapped address, which prefixes of IPv4 would cover. */
	if (!(source[0] | source[1]) && source[2] == bpf_htonl(0xffff))
		return PODLANE_SPOOFED_SOURCE;
	__u32 address[4] = { source[0], source[1], source[2], source[3] };
	return validate_foreign_source(slot, endpoint, address);
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

/* True if the pod may send and receive frames of the type, in network order. */
static __always_inline int takes_ethertype(const struct podlane_slot *slot, __be16 type)
{
	struct podlane_ethertype key = { slot->owner, bpf_ntohs(type) };

	if (slot->flags & PODLANE_ANY_ETHERTYPE)
		return 1;
	if (!(slot->flags & PODLANE_ETHERTYPES))
		return 0;
	if (key.type < 1536) /* IEEE 802.3: the length of the frame */
		key.type = PODLANE_LLC;
	return bpf_map_lookup_elem(&ethertypes, &key) != NULL;
}

/*
 * Validates a frame that is too short for an IPv4 header or not IP. One whose tag has only a priority (VLAN 0) is an
 * untagged frame to its receiver, so what it carries would escape the checks.
 */
static __always_inline int validate_other(struct __sk_buff *skb, const struct podlane_slot *slot, __be16 type)
{
	__be16 tag;

	if (type == bpf_htons(ETH_P_IP) || type == bpf_htons(ETH_P_IPV6))
		return PODLANE_MALFORMED;
	if (type == bpf_htons(ETH_P_ARP))
		return ACCEPT;
	if (!takes_ethertype(slot, type))
		return PODLANE_UNKNOWN_PROTOCOL;
	if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
		return ACCEPT;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &tag, sizeof(tag)) < 0)
		return PODLANE_MALFORMED;
	return tag & bpf_htons(VLAN_ID_MASK) ? ACCEPT : PODLANE_UNKNOWN_PROTOCOL;
}

/* Validates a frame without a VLAN tag beside it. */
static __always_inline int validate_untagged(struct __sk_buff *skb, const struct podlane_slot *slot, __u32 flags,
					     struct headers *headers)
{
	struct frame *frame = pull_linear(skb, ETH_HLEN + sizeof(struct ipv4));

	if (!frame) {
		frame = pull_linear(skb, ETH_HLEN);
		return frame ? validate_other(skb, slot, frame->type) : PODLANE_MALFORMED;
	}
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
	return validate_other(skb, slot, frame->type);
}

/* Validates a frame whose VLAN tag the kernel keeps beside it: what it carries is checked too, and never redirected. */
static __noinline int validate_tagged(struct __sk_buff *skb, const struct podlane_slot *slot, __u32 flags)
{
	struct headers headers = {};

	return takes_ethertype(slot, skb->vlan_proto) ? validate_untagged(skb, slot, flags, &headers)
						      : PODLANE_UNKNOWN_PROTOCOL;
}

/* Returns ACCEPT or a drop reason. The slot's `flags` tell if the source is checked; they are 0 on ingress. */
static __always_inline int validate(struct __sk_buff *skb, const struct podlane_slot *slot, __u32 flags,
				    struct headers *headers)
{
	headers->ip4 = NULL;
	headers->ip6 = NULL;
	if (skb->vlan_present)
		return validate_tagged(skb, slot, flags);
	return validate_untagged(skb, slot, flags, headers);
}

#endif
