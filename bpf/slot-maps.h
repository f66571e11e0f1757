/* SPDX-License-Identifier: GPL-2.0 */
/* Maps of slots and endpoints, with functions to look them up. */
#ifndef PODLANE_SLOT_MAPS_H
#define PODLANE_SLOT_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "slot-layout.h"

volatile const struct podlane_config config = { .max_slots = 2048 };

/* The loader sets max_entries to max_slots for slots and 8 * max_slots for the endpoints of each family. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct podlane_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_address4);
	__type(value, struct podlane_endpoint);
} endpoints4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_address6);
	__type(value, struct podlane_endpoint);
} endpoints6 SEC(".maps");

/* The loader sets max_entries to the number of connections. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_flow_key);
	__type(value, __u32);
} flow_paths SEC(".maps");

/*
 * The loader sets max_entries of both maps to a multiple of max_slots. A value of 0 excludes a prefix from a shorter
 * one: IPv4 from an IPv6 prefix that covers ::ffff:0:0/96.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct podlane_source_prefix);
	__type(value, __u32);
} source_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct podlane_ethertype);
	__type(value, __u32);
} ethertypes SEC(".maps");

/* Slots of devices that others made, by the ifindex of the primary. The loader sets max_entries to max_slots. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} foreign_devices SEC(".maps");

/* Returns the slot of a device that others made; no slot at all, which no map has, where no pod was adopted with it. */
static __noinline __u32 foreign_slot(__u32 ifindex)
{
	__u32 *slot = bpf_map_lookup_elem(&foreign_devices, &ifindex);

	return slot ? *slot : ~0U;
}

/*
 * Returns the slot of the device that a program runs on. skb->ifindex is the primary's at the primary's hooks and at
 * netkit/peer, the peer's at netkit/primary (a netkit program sees the receiving end): halved, both are the slot.
 */
static __always_inline __u32 slot_of(const struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;

	return ifindex < PODLANE_IFINDEX_BASE ? foreign_slot(ifindex) : (ifindex - PODLANE_IFINDEX_BASE) >> 1;
}

/* Returns the ifindex of the primary of a slot. */
static __always_inline __u32 primary_of(const struct podlane_slot *slot, __u32 number)
{
	return slot->ifindex ? slot->ifindex : PODLANE_IFINDEX_BASE + 2 * number;
}

static __always_inline struct podlane_endpoint *lookup_endpoint4(__be32 address)
{
	struct podlane_address4 key = { address, 0 };

	return bpf_map_lookup_elem(&endpoints4, &key);
}

static __always_inline struct podlane_endpoint *lookup_endpoint6(const __u32 *words)
{
	struct podlane_address6 key = { { words[0], words[1], words[2], words[3] } };

	return bpf_map_lookup_elem(&endpoints6, &key);
}

/* Hashes a word to the given number of bits. Upper bits of the product depend on all bits of the word. */
static __always_inline __u32 hash_word(__u64 word, __u32 bits)
{
	return (word * 0x9e3779b97f4a7c15ULL) >> (64 - bits);
}

#endif
