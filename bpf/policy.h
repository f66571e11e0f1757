/* SPDX-License-Identifier: GPL-2.0 */
/* Asks the tables of a rule set. `Lookup` in server/acl/tables/table-lookup.ts is the same in TypeScript. */
#ifndef PODLANE_TABLES_H
#define PODLANE_TABLES_H

#include "rule-maps.h"
#include "parse.h"

struct question {
	__u32 owner;
	__u32 direction;
	__u32 peer[4];
	__u32 place;   /* as in entries */
	__u32 counted; /* whether the entry that decides gets a hit */
};

/* Verdict | deciding rule << 16 | logging rule << 32 */
#define DENIES(answer) ((answer) & 1)
#define RULE_OF(answer) ((__u16)((answer) >> 16))
#define LOG_OF(answer) ((__u16)((answer) >> 32))

/* The place of a port: ICMPv6 is judged as ICMP, and ICMP of the other family is none that a host understands. */
static __always_inline __u32 place_of(__u8 family, __u8 protocol, __u16 port)
{
	if (family == 6 && protocol == IPPROTO_ICMP)
		return 0;
	if (family == 6 && protocol == PROTOCOL_ICMPV6)
		protocol = IPPROTO_ICMP;
	return (__u32)protocol << 16 | port;
}

static __always_inline struct podlane_entry *entry_at(__u32 index)
{
	return bpf_map_lookup_elem(&rows, &index);
}

/*
 * The index of the first entry that holds for the place among one of a row and those around it; 0: none does. Functions
 * of their own to the verifier, which looks at them once for all that call them.
 */
__noinline __u32 climb(__u32 row, __u32 lower, __u32 place)
{
	/* Up to 17 prefixes lie in one another, and the entry for any protocol is around all. */
	for (int i = 0; i < 19; i++) {
		struct podlane_entry *entry = entry_at(row + lower);
		if (!entry)
			return 0;
		if (!((entry->place ^ place) & entry->mask))
			return row + lower;
		if (!lower)
			return 0;
		lower = entry->said & PODLANE_LOWER;
		if (lower == PODLANE_LOWER)
			return 0;
	}
	return 0;
}

/* The index of the entry with the longest prefix that holds for the place; 0: the row says nothing of it. */
__noinline __u32 find_entry(__u32 row, __u32 place)
{
	struct podlane_entry *entry = entry_at(row);

	if (!entry || entry->place > place)
		return 0;
	__u32 low = 0, high = entry->said & PODLANE_LOWER;
	for (int i = 0; i < 19 && high - low > 1; i++) {
		__u32 middle = (low + high) / 2;
		entry = entry_at(row + middle);
		if (!entry)
			return 0;
		if (entry->place > place)
			high = middle;
		else
			low = middle;
	}
	return climb(row, low, place);
}

static __always_inline struct podlane_entry *entry_of(__u32 row, __u32 place)
{
	__u32 index = find_entry(row, place);

	return index ? entry_at(index) : NULL;
}

static __always_inline __u64 ask(const struct question *question, __u32 generation, __u32 set, void *prefixes,
				 void *policies, void *assignments)
{
	__u32 half = generation & 1, direction = question->direction & 1;
	struct podlane_prefix prefix = { .length = 128 };

	__builtin_memcpy(prefix.address, question->peer, sizeof(prefix.address));
	/* What the node itself sends to its pods passes, as Kubernetes has it: its probes. */
	if (direction == PODLANE_INGRESS && bpf_map_lookup_elem(&node_addresses, prefix.address))
		return PODLANE_ALLOW;
	struct podlane_policy *policy = bpf_map_lookup_elem(policies, &question->owner);
	struct podlane_direction judged = { .row = PODLANE_UNKNOWN_POD };
	if (policy)
		judged = policy->of[half][direction];
	if (judged.row == PODLANE_UNKNOWN_POD)
		return settings.unknown_denied[set] >> (half * 2 + direction) & 1;
	if (!judged.row)
		return PODLANE_ALLOW;
	struct podlane_identity *identity = bpf_map_lookup_elem(prefixes, &prefix);
	struct podlane_assignment assignment = { judged.policy, identity ? identity->identity[half] : 0 };
	struct podlane_assigned *assigned = bpf_map_lookup_elem(assignments, &assignment);
	struct podlane_entry *entry = NULL;
	if (assigned && assigned->row[half])
		entry = entry_of(assigned->row[half], question->place);
	if (!entry || entry->said >> 24 == PODLANE_PASS)
		entry = entry_of(judged.row, question->place);
	if (!entry) /* a base row says something of everything */
		return PODLANE_DENY;
	if (question->counted)
		__sync_fetch_and_add(&entry->hits, 1);
	return entry->said >> 24 | (__u64)entry->rule << 16 | (__u64)entry->log << 32;
}

__noinline __u64 ask_active(const struct question *question, __u32 generation)
{
	return question ? ask(question, generation, PODLANE_ACTIVE, &prefixes, &policies, &assignments) : PODLANE_DENY;
}

__noinline __u64 ask_draft(const struct question *question, __u32 generation)
{
	return question ? ask(question, generation, PODLANE_DRAFT, &draft_prefixes, &draft_policies,
			      &draft_assignments)
			: PODLANE_DENY;
}

#endif
