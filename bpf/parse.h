/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parses the headers that rules, conntrack and verdict events need. Bytes are copied out of the packet: on this path,
 * which is slower anyway, they need not be in linear memory.
 */
#ifndef PODLANE_PARSE_H
#define PODLANE_PARSE_H

#include <linux/in.h>
#include "headers.h"
#include "slot-layout.h"
#include "rule-layout.h"

#define PROTOCOL_ICMPV6 58
#define PROTOCOL_SCTP 132
#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_ACK 16

/* How rules and conntrack treat a packet. */
enum packet_kind {
	PACKET_EXEMPT,         /* passes without being evaluated */
	PACKET_TRACKED,        /* opens a connection, or belongs to one */
	PACKET_REPLY,          /* ICMP reply: belongs to a connection, else is evaluated on its own */
	PACKET_ICMP_ERROR,     /* quotes a packet of a connection, else is evaluated on its own */
	PACKET_UNTRACKED,      /* is evaluated on its own */
	PACKET_LATER_FRAGMENT, /* gets the verdict of the first fragment */
};

/* A parsed packet. Its tuple is part of the verdict event that the packet may cause. */
struct packet {
	struct podlane_verdict_event event;
	__u32 fragment_id;
	__u16 offset, end; /* of layer 4, from the frame's beginning; `end` at most 65535, also for longer packets */
	__u16 sender, receiver; /* ports as conntrack keys have them */
	__u8 family;         /* 0: not IP */
	__u8 first_fragment; /* and more follow */
	__u8 kind;           /* enum packet_kind */
	__u8 hop_limit;
	__u8 translatable; /* after_nat() can read its tuple: no fragment, no IPv6 extension headers */
};

static __always_inline void set_mapped4(__u32 *to, __be32 address)
{
	to[0] = 0;
	to[1] = 0;
	to[2] = bpf_htonl(0xffff);
	to[3] = address;
}

static __always_inline int is_mapped(const __u32 *address)
{
	return !address[0] && !address[1] && address[2] == bpf_htonl(0xffff);
}

#define NO_HEADER (~0ULL)
#define LATER_FRAGMENT 2
/*
 * Skips the extension headers that begin at `offset` (RFC 8200, RFC 4302). Returns the offset after them | next header
 * << 16 | 1 for a first fragment, 2 for a later one << 24 | the fragment's id << 32; NO_HEADER where they end beyond
 * the packet, or where there are more than 8.
 */
__noinline __u64 skip_extensions(struct __sk_buff *skb, __u32 offset, __u32 next)
{
	__u64 fragment = 0;
	__u8 header[8];

	for (int i = 0; i < 8; i++) {
		if (next != 0 && next != 43 && next != 44 && next != 51 && next != 60)
			return (offset & 0xffff) | (next & 0xff) << 16 | fragment;
		if (offset > 0xff00 || bpf_skb_load_bytes(skb, offset, header, sizeof(header)) < 0)
			return NO_HEADER;
		__u32 size = 8 + 8 * (__u32)header[1];
		if (next == 44) {
			__u32 fragment_offset = header[2] << 8 | header[3];
			__u32 id = header[4] << 24 | header[5] << 16 | header[6] << 8 | header[7];
			size = 8;
			/* An atomic fragment has offset 0 and no more to come (RFC 6946): it is not treated as a fragment. */
			if (fragment_offset >> 3)
				return (offset & 0xffff) | header[0] << 16 | LATER_FRAGMENT << 24 | (__u64)id << 32;
			if (fragment_offset & 1)
				fragment = 1 << 24 | (__u64)id << 32;
		} else if (next == 51) {
			size = 8 + 4 * (__u32)header[1];
		}
		next = header[0];
		offset += size;
	}
	return NO_HEADER;
}

static __always_inline int is_icmp(const struct packet *packet)
{
	return packet->event.tuple.protocol == (packet->family == 4 ? IPPROTO_ICMP : PROTOCOL_ICMPV6);
}

/*
 * Returns the ICMP type of the query that `type` is a request or reply of (RFC 792, RFC 4443); 0 where it is neither.
 * Type 0 of IPv4 is an echo reply.
 */
static __always_inline __u8 icmp_query(__u8 family, __u8 type)
{
	if (family == 6)
		return type == 128 || type == 129 ? 128 : 0;
	return type == 8 || type == 0 ? 8 : type == 13 || type == 14 ? 13 : 0;
}

/* Sets the ports that conntrack uses for an ICMP query or its reply. */
static __always_inline void set_icmp_ports(struct packet *packet, __u8 query, __u16 id)
{
	if (packet->event.tuple.icmp_type == query) {
		packet->sender = id;
		packet->receiver = query << 8;
	} else {
		packet->sender = query << 8;
		packet->receiver = id;
	}
}

static __always_inline int is_icmp_error(const struct packet *packet)
{
	__u8 type = packet->event.tuple.icmp_type;

	if (packet->family == 6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/*
 * True if the packet is neighbor discovery of the link itself (RFC 4861: no router forwards a hop limit of 255),
 * or a multicast listener message that it needs (RFC 2710, RFC 3810) from an address of the link.
 */
static __always_inline int is_link_icmp(const struct packet *packet)
{
	__u8 type = packet->event.tuple.icmp_type;
	const __u32 *source = packet->event.tuple.source;

	if (type >= 133 && type <= 137)
		return packet->hop_limit == 255;
	if ((type < 130 || type > 132) && type != 143)
		return 0;
	return (source[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000) ||
	       !(source[0] | source[1] | source[2] | source[3]);
}

/* Parses layer 4. Returns ACCEPT, or PODLANE_MALFORMED if the header is incomplete. */
static __always_inline int parse_transport(struct __sk_buff *skb, struct packet *packet)
{
	struct podlane_tuple *tuple = &packet->event.tuple;
	__u8 header[8];
	__u32 size;

	packet->kind = PACKET_TRACKED;
	if (tuple->protocol == IPPROTO_TCP)
		size = 20;
	else if (tuple->protocol == PROTOCOL_SCTP)
		size = 12;
	else if (tuple->protocol == IPPROTO_UDP || is_icmp(packet))
		size = 8;
	else
		return ACCEPT;
	if (packet->offset + size > packet->end ||
	    bpf_skb_load_bytes(skb, packet->offset, header, sizeof(header)) < 0)
		return PODLANE_MALFORMED;
	if (!is_icmp(packet)) {
		if (tuple->protocol == IPPROTO_TCP &&
		    bpf_skb_load_bytes(skb, packet->offset + 13, &tuple->tcp_flags, 1) < 0)
			return PODLANE_MALFORMED;
		tuple->source_port = packet->sender = header[0] << 8 | header[1];
		tuple->destination_port = packet->receiver = header[2] << 8 | header[3];
		return ACCEPT;
	}
	tuple->icmp_type = header[0];
	tuple->icmp_code = header[1];
	__u8 query = icmp_query(packet->family, header[0]);
	if (query && !header[1]) {
		set_icmp_ports(packet, query, header[4] << 8 | header[5]);
		packet->kind = header[0] == query ? PACKET_TRACKED : PACKET_REPLY;
	} else if (packet->family == 6 && is_link_icmp(packet)) {
		packet->kind = PACKET_EXEMPT;
	} else {
		packet->kind = is_icmp_error(packet) ? PACKET_ICMP_ERROR : PACKET_UNTRACKED;
	}
	return ACCEPT;
}

static __always_inline int parse4(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv4 ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return PODLANE_MALFORMED;
	__u32 end = ETH_HLEN + bpf_ntohs(ip.total_length);
	__u32 fragment = bpf_ntohs(ip.fragment);

	if (!ip.total_length || end > 0xffff)
		end = 0xffff;
	set_mapped4(packet->event.tuple.source, ip.source);
	set_mapped4(packet->event.tuple.destination, ip.destination);
	packet->event.tuple.protocol = ip.protocol;
	packet->family = 4;
	packet->offset = ETH_HLEN + (ip.version_ihl & 15) * 4;
	packet->end = end;
	packet->fragment_id = ip.id;
	if (fragment & 0x1fff) {
		packet->kind = PACKET_LATER_FRAGMENT;
		return ACCEPT;
	}
	packet->first_fragment = fragment >> 13 & 1;
	packet->translatable = !packet->first_fragment;
	return parse_transport(skb, packet);
}

static __always_inline int parse6(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv6 ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return PODLANE_MALFORMED;
	__u32 end = ETH_HLEN + sizeof(ip) + bpf_ntohs(ip.payload_length);

	if (!ip.payload_length || end > 0xffff)
		end = 0xffff;
	__builtin_memcpy(packet->event.tuple.source, ip.source, sizeof(ip.source));
	__builtin_memcpy(packet->event.tuple.destination, ip.destination, sizeof(ip.destination));
	packet->event.tuple.protocol = ip.next_header;
	packet->family = 6;
	packet->end = end;
	packet->hop_limit = ip.hop_limit;
	/* An IPv4-mapped address would be evaluated as an IPv4 address. */
	if (is_mapped(ip.source) || is_mapped(ip.destination))
		return PODLANE_MALFORMED;
	__u64 after = skip_extensions(skb, ETH_HLEN + sizeof(ip), ip.next_header);
	if (after == NO_HEADER)
		return PODLANE_MALFORMED;
	packet->offset = after;
	packet->event.tuple.protocol = after >> 16;
	packet->fragment_id = after >> 32;
	if ((__u8)(after >> 24) == LATER_FRAGMENT) {
		packet->kind = PACKET_LATER_FRAGMENT;
		return ACCEPT;
	}
	packet->first_fragment = after >> 24 & 1;
	packet->translatable = packet->offset == ETH_HLEN + sizeof(ip);
	return parse_transport(skb, packet);
}

/* Parses a packet as far as it can be read. Returns ACCEPT or PODLANE_MALFORMED. Packets other than IP are exempt. */
__noinline int parse_packet(struct __sk_buff *skb, struct packet *packet)
{
	__be16 type;

	if (!packet)
		return PODLANE_MALFORMED;
	__builtin_memset(packet, 0, sizeof(*packet));
	if (bpf_skb_load_bytes(skb, 12, &type, sizeof(type)) < 0)
		return PODLANE_MALFORMED;
	packet->event.ethertype = bpf_ntohs(type);
	if (type == bpf_htons(ETH_P_IP))
		return parse4(skb, packet);
	if (type == bpf_htons(ETH_P_IPV6))
		return parse6(skb, packet);
	return ACCEPT;
}

/*
 * Parses the packet that an ICMP error quotes, as its sender sent it. Returns 0 where it cannot be read. It begins after
 * 8 bytes of the error, and at least 8 bytes of its layer 4 are quoted (RFC 792, RFC 4443).
 */
__noinline int parse_quoted(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet)
		return 0;
	__u32 offset = packet->offset + 8;
	__u8 family = packet->family;
	__u8 header[8];

	if (family == 4) {
		struct ipv4 ip;
		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) < 0 || ip.fragment & bpf_htons(0x1fff))
			return 0;
		set_mapped4(packet->event.tuple.source, ip.source);
		set_mapped4(packet->event.tuple.destination, ip.destination);
		packet->event.tuple.protocol = ip.protocol;
		offset += (ip.version_ihl & 15) * 4;
	} else {
		struct ipv6 ip;
		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) < 0)
			return 0;
		__u64 after = skip_extensions(skb, offset + sizeof(ip), ip.next_header);
		if (after == NO_HEADER || (__u8)(after >> 24) == LATER_FRAGMENT)
			return 0;
		__builtin_memcpy(packet->event.tuple.source, ip.source, sizeof(ip.source));
		__builtin_memcpy(packet->event.tuple.destination, ip.destination, sizeof(ip.destination));
		packet->event.tuple.protocol = after >> 16;
		offset = after & 0xffff;
	}
	if (bpf_skb_load_bytes(skb, offset, header, sizeof(header)) < 0)
		return 0;
	__u8 protocol = packet->event.tuple.protocol;
	packet->sender = packet->receiver = 0;
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == PROTOCOL_SCTP) {
		packet->sender = header[0] << 8 | header[1];
		packet->receiver = header[2] << 8 | header[3];
	} else if (is_icmp(packet)) {
		packet->event.tuple.icmp_type = header[0];
		__u8 query = icmp_query(family, header[0]);
		if (!query)
			return 0;
		set_icmp_ports(packet, query, header[4] << 8 | header[5]);
	}
	return 1;
}

#endif
