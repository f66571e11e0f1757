/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adds connections to `conntrack`, each pod up to its quota. Beyond it, and where the table is full, a pod's oldest
 * connections make room: expired ones, then ones without an answer, then others. So the flows of one pod cost no other
 * pod its connections.
 */
#ifndef PODLANE_CONNTRACK_QUOTA_H
#define PODLANE_CONNTRACK_QUOTA_H

#include "conntrack.h"

/* Connections that are looked at to find one that has no answer. */
#define EVICTION_TRIES 8

static __noinline struct podlane_conntrack_pod *conntrack_pod(__u32 owner)
{
	struct podlane_conntrack_pod *pod = bpf_map_lookup_elem(&conntrack_pods, &owner);

	if (pod)
		return pod;
	struct podlane_conntrack_pod none;
	__builtin_memset(&none, 0, sizeof(none));
	bpf_map_update_elem(&conntrack_pods, &owner, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&conntrack_pods, &owner);
}

/* Puts a connection at the head of its pod's ring. Returns its index. */
static __always_inline __u32 push_to_ring(struct podlane_conntrack_pod *pod, const struct podlane_conntrack_key *key)
{
	struct podlane_conntrack_ring_key at = { .owner = key->owner };

	at.index = __sync_fetch_and_add(&pod->head, 1);
	bpf_map_update_elem(&conntrack_ring, &at, key, BPF_ANY);
	return at.index;
}

enum ring_step { RING_EMPTY, RING_STALE, RING_FREED, RING_SPARED, RING_KEPT };

/*
 * Looks at the oldest connection of a pod and removes it if it has expired; with `evict`, also if it has no answer, and
 * with `force` in any case. One that is spared becomes the newest. Two CPUs may look at once: who deletes the element of
 * the ring goes on.
 */
static __noinline int step_ring(struct podlane_conntrack_pod *pod, __u32 owner, __u32 now, __u32 evict, __u32 force)
{
	struct podlane_conntrack_ring_key at = { .owner = owner };
	struct podlane_conntrack_key key;

	if (!pod)
		return RING_EMPTY;
	at.index = *(volatile __u32 *)&pod->tail;
	if (at.index == *(volatile __u32 *)&pod->head)
		return RING_EMPTY;
	struct podlane_conntrack_key *found = bpf_map_lookup_elem(&conntrack_ring, &at);
	if (!found) { /* another CPU has put the index, and not yet the element, or has removed it */
		__sync_val_compare_and_swap(&pod->tail, at.index, at.index + 1);
		return RING_STALE;
	}
	key = *found;
	struct podlane_conntrack_entry *entry = bpf_map_lookup_elem(&conntrack, &key);
	int ours = entry && entry->ring == at.index;
	int expired = ours && (__s32)(entry->expires - now) <= 0;
	if (ours && !expired && !evict)
		return RING_KEPT;
	if (bpf_map_delete_elem(&conntrack_ring, &at) < 0)
		return RING_STALE;
	__sync_val_compare_and_swap(&pod->tail, at.index, at.index + 1);
	if (!ours)
		return RING_STALE;
	if (!expired && !force && (entry->state == PODLANE_REPLIED || entry->state == PODLANE_ENDED)) {
		entry->ring = push_to_ring(pod, &key);
		return RING_SPARED;
	}
	__u32 replied = entry->state == PODLANE_REPLIED;
	if (bpf_map_delete_elem(&conntrack, &key) < 0)
		return RING_STALE;
	__sync_fetch_and_sub(&pod->connections, 1);
	if (expired)
		return RING_FREED;
	__sync_fetch_and_add(&pod->evicted, 1);
	if (replied)
		__sync_fetch_and_add(&pod->evicted_replied, 1);
	return RING_FREED;
}

/* Makes room for a connection by one of the pod `owner`. Returns 0 if it has none. */
static __noinline int evict_connection(__u32 owner, __u32 now)
{
	struct podlane_conntrack_pod *pod = bpf_map_lookup_elem(&conntrack_pods, &owner);

	if (!pod)
		return 0;
	for (__u32 i = 0; i <= EVICTION_TRIES; i++) {
		int step = step_ring(pod, owner, now, 1, i == EVICTION_TRIES);
		if (step == RING_FREED)
			return 1;
		if (step == RING_EMPTY)
			return 0;
	}
	return 0;
}

/*
 * Tracks a connection whose initiator, rules and state the caller has set. Returns 0 where there is no room for it, which
 * happens only while every connection of the largest pod is being changed.
 */
static __noinline int track_connection(const struct podlane_conntrack_key *key, struct podlane_conntrack_entry *entry,
				       __u32 now)
{
	struct podlane_conntrack_pod *pod = conntrack_pod(key->owner);

	entry->expires = now + conntrack_timeout(key->protocol, entry->state);
	if (!pod)
		return 0;
	struct podlane_conntrack_entry *known = bpf_map_lookup_elem(&conntrack, key);
	if (known) { /* expired, ended or closing: its place is used again */
		entry->ring = known->ring;
		return bpf_map_update_elem(&conntrack, key, entry, BPF_EXIST) == 0;
	}
	/* What expired is removed as fast as new connections come. */
	if (step_ring(pod, key->owner, now, 0, 0) == RING_FREED)
		step_ring(pod, key->owner, now, 0, 0);
	if (settings.quota && pod->connections >= settings.quota)
		evict_connection(key->owner, now);
	entry->ring = push_to_ring(pod, key);
	if (bpf_map_update_elem(&conntrack, key, entry, BPF_NOEXIST) == 0) {
		__sync_fetch_and_add(&pod->connections, 1);
		return 1;
	}
	/* The table is full: the pod that has most of it gives way, which may be this one. */
	if (!(settings.largest_pod && evict_connection(settings.largest_pod, now)))
		evict_connection(key->owner, now);
	if (bpf_map_update_elem(&conntrack, key, entry, BPF_NOEXIST) == 0) {
		__sync_fetch_and_add(&pod->connections, 1);
		return 1;
	}
	__sync_fetch_and_add(&pod->untracked, 1);
	return 0;
}

#endif
