/* SPDX-License-Identifier: GPL-2.0 */
/* Connection tracking: connections of each pod that the rules allowed. */
#ifndef PODLANE_CONNTRACK_H
#define PODLANE_CONNTRACK_H

#include "rule-maps.h"
#include "parse.h"

/* Programs at netfilter's hooks may not read the coarse clock. */
#ifndef MONOTONIC_NS
#define MONOTONIC_NS bpf_ktime_get_coarse_ns
#endif

static __always_inline __u32 now_seconds(void)
{
	return MONOTONIC_NS() / 1000000000;
}

static __always_inline int is_tcp(const struct packet *packet)
{
	return packet->event.tuple.protocol == IPPROTO_TCP;
}

/* True if a TCP segment asks for a connection. */
static __always_inline int is_tcp_syn(const struct packet *packet)
{
	return is_tcp(packet) &&
	       (packet->event.tuple.tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) == TCP_SYN;
}

/* True if a packet may begin a connection. A TCP segment other than a SYN belongs to one, or to none. */
static __always_inline int opens_connection(const struct packet *packet)
{
	return packet->kind == PACKET_TRACKED && (!is_tcp(packet) || is_tcp_syn(packet));
}

/* Returns the timeout of a connection in seconds. */
static __always_inline __u32 conntrack_timeout(__u8 protocol, __u8 state)
{
	__u32 kind = protocol == IPPROTO_TCP   ? PODLANE_TCP
		     : protocol == IPPROTO_UDP ? PODLANE_UDP
		     : protocol == IPPROTO_ICMP || protocol == PROTOCOL_ICMPV6 ? PODLANE_ICMP
									       : PODLANE_OTHER;

	/* Kept in one register: the compiler's bounds check of a copy would prove nothing to the verifier. */
	__u32 index = kind * 4 + (state == PODLANE_ENDED ? PODLANE_REPLIED : state);
	asm volatile("" : "+r"(index));
	return settings.timeouts[index & 15];
}

/* Fills in the key of a packet's connection. A packet quoted in an ICMP error went in the other direction. */
static __always_inline void conntrack_key(struct podlane_conntrack_key *key, __u32 owner,
					  const struct packet *packet, int towards_pod)
{
	key->owner = owner;
	key->protocol = packet->event.tuple.protocol;
	__builtin_memcpy(key->peer, towards_pod ? packet->event.tuple.source : packet->event.tuple.destination,
			 sizeof(key->peer));
	key->pod_port = towards_pod ? packet->receiver : packet->sender;
	key->peer_port = towards_pod ? packet->sender : packet->receiver;
}

/* Looks up a connection; NULL if it is unknown or has expired. */
static __always_inline struct podlane_conntrack_entry *lookup_conntrack(const struct podlane_conntrack_key *key,
									__u32 now)
{
	struct podlane_conntrack_entry *entry = bpf_map_lookup_elem(&conntrack, key);

	return entry && (__s32)(entry->expires - now) > 0 ? entry : NULL;
}

/* Returns the state of a connection after a packet from `sender`, a PODLANE_INITIATOR_. */
static __always_inline __u8 next_conntrack_state(struct podlane_conntrack_entry *entry, const struct packet *packet,
						 __u8 sender)
{
	__u8 flags = packet->event.tuple.tcp_flags, state = entry->state;

	if (!is_tcp(packet))
		return state == PODLANE_UNREPLIED && sender != entry->initiator ? PODLANE_REPLIED : state;
	if (flags & TCP_RST)
		return PODLANE_CLOSING;
	/*
	 * A connection is replied to by SYN and ACK, or by a SYN that crossed the initiator's (RFC 9293 3.5). An ACK alone
	 * answers the SYN of a host that has forgotten an earlier connection (RFC 5961 4); that one ends with a RST.
	 * Where the handshake is over, any segment answers.
	 */
	if (state == PODLANE_UNREPLIED && sender != entry->initiator &&
	    (flags & TCP_SYN || entry->flags & PODLANE_LEARNED))
		state = PODLANE_REPLIED;
	if (flags & TCP_FIN) {
		__u8 fins = entry->flags | (sender == PODLANE_INITIATOR_POD ? PODLANE_FIN_OF_POD : PODLANE_FIN_OF_PEER);
		if (fins != entry->flags)
			entry->flags = fins;
		if ((fins & (PODLANE_FIN_OF_POD | PODLANE_FIN_OF_PEER)) == (PODLANE_FIN_OF_POD | PODLANE_FIN_OF_PEER))
			return PODLANE_CLOSING;
	}
	return state;
}

/* Updates the state and expiry of a connection after a packet from `sender`, a PODLANE_INITIATOR_. */
static __always_inline void update_conntrack(struct podlane_conntrack_entry *entry, const struct packet *packet,
					     __u8 sender, __u32 now)
{
	__u8 state = next_conntrack_state(entry, packet, sender);
	__u32 expires = now + conntrack_timeout(packet->event.tuple.protocol, state);

	/* Written at most once a second, since other CPUs read the same cache line. */
	if (state != entry->state || expires != entry->expires) {
		entry->state = state;
		entry->expires = expires;
	}
}

/* True if an ICMP error quotes a packet of a known connection. */
__noinline int quotes_connection(struct __sk_buff *skb, __u32 family, __u32 offset, __u32 owner, __u32 towards_pod)
{
	struct packet quoted = { .family = family, .offset = offset };
	struct podlane_conntrack_key key = {};

	if (!parse_quoted(skb, &quoted))
		return 0;
	conntrack_key(&key, owner, &quoted, !towards_pod);
	struct podlane_conntrack_entry *entry = lookup_conntrack(&key, now_seconds());
	return entry && entry->state != PODLANE_ENDED && !(entry->flags & PODLANE_PENDING);
}

#endif
