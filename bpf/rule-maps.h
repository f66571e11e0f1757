/* SPDX-License-Identifier: GPL-2.0 */
/* Maps of access rules, connections, verdict events and traces. The loader sets max_entries. */
#ifndef PODLANE_RULE_MAPS_H
#define PODLANE_RULE_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "rule-layout.h"

/* A map with a single value, which programs read without a helper call and the agent changes by one write. */
SEC(".data.settings") volatile struct podlane_settings settings = {};

#define RULE_SET_MAPS(ipcache, pods, policies)                 \
	struct {                                               \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);           \
		__uint(map_flags, BPF_F_NO_PREALLOC);          \
		__uint(max_entries, 1);                        \
		__type(key, struct podlane_ipcache_key);       \
		__type(value, struct podlane_ipcache_entry);   \
	} ipcache SEC(".maps");                                \
	struct {                                               \
		__uint(type, BPF_MAP_TYPE_HASH);               \
		__uint(map_flags, BPF_F_NO_PREALLOC);          \
		__uint(max_entries, 1);                        \
		__type(key, __u32);                            \
		__type(value, struct podlane_pod_policies);    \
	} pods SEC(".maps");                                   \
	struct {                                               \
		__uint(type, BPF_MAP_TYPE_HASH);               \
		__uint(map_flags, BPF_F_NO_PREALLOC);          \
		__uint(max_entries, 1);                        \
		__type(key, struct podlane_policy_key);        \
		__type(value, struct podlane_policy_entry);    \
	} policies SEC(".maps")

/* Names reach the user through bpf_map_info: at most 15 characters. */
RULE_SET_MAPS(ipcache, pods, policies);
RULE_SET_MAPS(staged_ipcache, staged_pods, staged_policies);

/* Rule entries of both rule sets. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct podlane_rule_entry);
} rule_entries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct podlane_node_address);
	__type(value, __u32);
} node_addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_conntrack_key);
	__type(value, struct podlane_conntrack_entry);
} conntrack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_conntrack_ring_key);
	__type(value, struct podlane_conntrack_key);
} conntrack_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct podlane_conntrack_pod);
} conntrack_pods SEC(".maps");

/* Original sources of connections to pods whose source the host masquerades, by the connection as the pod sees it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_conntrack_key);
	__type(value, struct podlane_node_address);
} masqueraded SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_fragment_key);
	__type(value, struct podlane_fragment_entry);
} fragments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} verdicts SEC(".maps");

/* Token buckets by slot: the time until which the slot's tokens are spent; CLOCK_MONOTONIC, ns. */
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
	__type(value, struct podlane_lost_verdicts);
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
