/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fragments: a later fragment has no ports and gets the verdict of its packet's first fragment. Where it comes before that
 * one it passes if the rules allow some port of its protocol, up to as many as one packet has: without the first fragment
 * the receiver cannot put the packet together.
 */
#ifndef PODLANE_FRAGMENT_H
#define PODLANE_FRAGMENT_H

#include "rule-maps.h"
#include "parse.h"

/* Time in seconds within which all fragments of a packet arrive (RFC 8200 4.5). */
#define FRAGMENT_SECONDS 60
/* Fragments that pass before the first one: those of 65,535 bytes at the smallest MTU of IPv6. */
#define EARLY_FRAGMENTS 54

static __always_inline void fragment_key(struct podlane_fragment_key *key, const struct packet *packet)
{
	key->owner = packet->event.owner;
	__builtin_memcpy(key->source, packet->event.tuple.source, sizeof(key->source));
	__builtin_memcpy(key->destination, packet->event.tuple.destination, sizeof(key->destination));
	key->id = packet->fragment_id;
	/* In IPv6 a later fragment may have another next header than the first one (RFC 8200 4.5). */
	key->protocol = packet->family == 4 ? packet->event.tuple.protocol : 0;
}

/* Returns the outcome of the first fragment of a later fragment's packet, and counts a fragment that comes before it. */
static __always_inline enum podlane_fragment_state first_fragment(const struct packet *packet, __u32 now, __u32 *early)
{
	struct podlane_fragment_key key = {};

	fragment_key(&key, packet);
	struct podlane_fragment_entry *entry = bpf_map_lookup_elem(&fragments, &key);
	if (entry && (__s32)(entry->expires - now) > 0) {
		if (entry->state != PODLANE_FIRST_AWAITED)
			return entry->state;
		*early = entry->passed;
		if (entry->passed < EARLY_FRAGMENTS)
			entry->passed++;
		return PODLANE_FIRST_AWAITED;
	}
	struct podlane_fragment_entry awaited = { .expires = now + FRAGMENT_SECONDS };
	awaited.passed = 1;
	bpf_map_update_elem(&fragments, &key, &awaited, BPF_ANY);
	*early = 0;
	return PODLANE_FIRST_AWAITED;
}

/* Records the outcome of a first fragment. */
static __always_inline void remember_fragment(const struct packet *packet, __u32 now, __u16 state)
{
	struct podlane_fragment_key key = {};
	struct podlane_fragment_entry entry = { .expires = now + FRAGMENT_SECONDS, .state = state };

	fragment_key(&key, packet);
	bpf_map_update_elem(&fragments, &key, &entry, BPF_ANY);
}

#endif
