/* SPDX-License-Identifier: GPL-2.0 */
/* Packet and drop counters of each slot and CPU. */
#ifndef PODLANE_COUNTERS_H
#define PODLANE_COUNTERS_H

#include "slot-maps.h"

/* The loader sets max_entries of both maps to possible CPUs * max_slots. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct podlane_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct podlane_drops);
} drops SEC(".maps");

/* Returns the slot's index for this CPU in the maps `counters`, `drops` and `lost_verdicts`. */
static __always_inline __u32 counter_index(__u32 slot)
{
	return bpf_get_smp_processor_id() * config.max_slots + slot;
}

static __always_inline struct podlane_counters *lookup_counters(__u32 slot)
{
	__u32 index = counter_index(slot);

	return bpf_map_lookup_elem(&counters, &index);
}

static __always_inline void count_egress(struct podlane_counters *totals, __u32 bytes)
{
	totals->egress_packets++;
	totals->egress_bytes += bytes;
}

static __always_inline void count_redirected(struct podlane_counters *totals, __u32 bytes)
{
	totals->egress_redirected_packets++;
	totals->egress_redirected_bytes += bytes;
}

static __always_inline void count_ingress(struct podlane_counters *totals, __u32 bytes)
{
	totals->ingress_packets++;
	totals->ingress_bytes += bytes;
}

/* Counts a drop. Returns 0 if the slot is beyond max_slots. */
static __always_inline int count_drop(__u32 slot, __u32 ingress, __u32 reason)
{
	__u32 index = counter_index(slot);
	struct podlane_counters *totals = bpf_map_lookup_elem(&counters, &index);
	struct podlane_drops *reasons = bpf_map_lookup_elem(&drops, &index);

	if (!totals || !reasons)
		return 0;
	if (ingress) {
		reasons->ingress[reason]++;
		totals->ingress_dropped_packets++;
	} else {
		reasons->egress[reason]++;
		totals->egress_dropped_packets++;
	}
	return 1;
}

#endif
