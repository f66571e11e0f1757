/* SPDX-License-Identifier: GPL-2.0 */
/* The maps of access rules, connections, verdicts and traces. The loader sets max_entries. */
#ifndef PODLANE_RULE_MAPS_H
#define PODLANE_RULE_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "rule-layout.h"

/* One value of a map that the agent maps: read without a call, switched by one write. */
SEC(".data.settings") volatile struct podlane_settings settings = {};

#define TABLES(prefixes, policies, assignments)                \
	struct {                                               \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);           \
		__uint(map_flags, BPF_F_NO_PREALLOC);          \
		__uint(max_entries, 1);                        \
		__type(key, struct podlane_prefix);            \
		__type(value, struct podlane_identity);        \
	} prefixes SEC(".maps");                               \
	struct {                                               \
		__uint(type, BPF_MAP_TYPE_HASH);               \
		__uint(map_flags, BPF_F_NO_PREALLOC);          \
		__uint(max_entries, 1);                        \
		__type(key, __u32);                            \
		__type(value, struct podlane_policy);          \
	} policies SEC(".maps");                               \
	struct {                                               \
		__uint(type, BPF_MAP_TYPE_HASH);               \
		__uint(map_flags, BPF_F_NO_PREALLOC);          \
		__uint(max_entries, 1);                        \
		__type(key, struct podlane_assignment);        \
		__type(value, struct podlane_assigned);        \
	} assignments SEC(".maps")

TABLES(prefixes, policies, assignments);
TABLES(draft_prefixes, draft_policies, draft_assignments);

/* Rows of both sets. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct podlane_entry);
} rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct podlane_node_address);
	__type(value, __u32);
} node_addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_connection_key);
	__type(value, struct podlane_connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_fragments);
	__type(value, __u32); /* as podlane_connection.expires */
} fragments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} verdicts SEC(".maps");

/* By slot: until when verdicts were sent in advance of the rate; CLOCK_MONOTONIC, ns. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} verdict_rates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct podlane_lost);
} lost_verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} traces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PODLANE_TRACES);
	__type(key, __u32);
	__type(value, struct podlane_trace_filter);
} trace_filters SEC(".maps");

#endif
