/* SPDX-License-Identifier: GPL-2.0 */
/* Fragments: a later fragment has no ports and gets the verdict of its packet's first fragment. */
#ifndef PODLANE_FRAGMENT_H
#define PODLANE_FRAGMENT_H

#include "rule-maps.h"
#include "parse.h"

/* Time in seconds within which all fragments of a packet arrive (RFC 8200 4.5). */
#define FRAGMENT_SECONDS 60

static __always_inline void fragment_key(struct podlane_fragment_key *key, const struct packet *packet)
{
	key->owner = packet->event.owner;
	__builtin_memcpy(key->source, packet->event.tuple.source, sizeof(key->source));
	__builtin_memcpy(key->destination, packet->event.tuple.destination, sizeof(key->destination));
	key->id = packet->fragment_id;
	/* In IPv6 a later fragment may have another next header than the first one (RFC 8200 4.5). */
	key->protocol = packet->family == 4 ? packet->event.tuple.protocol : 0;
}

/* True if the first fragment of this later fragment's packet has passed. */
static __always_inline int first_fragment_passed(const struct packet *packet, __u32 now)
{
	struct podlane_fragment_key key = {};

	fragment_key(&key, packet);
	__u32 *expires = bpf_map_lookup_elem(&fragments, &key);
	return expires && (__s32)(*expires - now) > 0;
}

/* Records that a first fragment has passed. */
static __always_inline void remember_fragment(const struct packet *packet, __u32 now)
{
	struct podlane_fragment_key key = {};
	__u32 expires = now + FRAGMENT_SECONDS;

	fragment_key(&key, packet);
	bpf_map_update_elem(&fragments, &key, &expires, BPF_ANY);
}

#endif
