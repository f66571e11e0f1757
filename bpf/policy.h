/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looks up the verdict of a rule set in its tables. `TableLookup` in server/acl/tables/policy-table-lookup.ts is the same in
 * TypeScript.
 */
#ifndef PODLANE_POLICY_H
#define PODLANE_POLICY_H

#include "rule-maps.h"
#include "parse.h"

struct policy_query {
	__u32 owner;
	__u32 direction;
	__u32 peer[4];
	__u32 protocol_port; /* as in entries */
	__u32 count_hit;     /* true to count a hit of the deciding entry */
	__u32 flags;
};

#define QUERY_FROM_NODE 1    /* the node itself sent the packet */
#define QUERY_UNKNOWN_PEER 2 /* masqueraded, and nobody knows by whom: rules for any peer apply, those that name some do not */
#define QUERY_KNOWN_ONLY 4   /* passes only for known connections, of which this is none */
#define QUERY_SOME_PORT 8    /* a fragment without ports: asks if some port of the protocol may be allowed */

/* A policy verdict is PODLANE_ALLOW or PODLANE_DENY | deciding rule << 16 | logging rule << 32. */
#define IS_DENY(verdict) ((verdict) & 1)
#define DECIDING_RULE(verdict) ((__u16)((verdict) >> 16))
#define LOG_RULE(verdict) ((__u16)((verdict) >> 32))

/*
 * Returns protocol and port as entries have them: ICMPv6 is evaluated as ICMP. ICMP of the other family, which no host
 * understands, only matches entries for any protocol.
 */
static __always_inline __u32 protocol_port(__u8 family, __u8 protocol, __u16 port)
{
	if (family == 6 && protocol == IPPROTO_ICMP)
		return 0;
	if (family == 6 && protocol == PROTOCOL_ICMPV6)
		protocol = IPPROTO_ICMP;
	return (__u32)protocol << 16 | port;
}

static __always_inline struct podlane_rule_entry *entry_at(__u32 index)
{
	return bpf_map_lookup_elem(&rule_entries, &index);
}

/*
 * Returns the index of the first entry that contains the port, from entry `offset` on through the entries that enclose
 * it; 0 where none does. This and find_entry are functions of their own, so that the verifier checks them once for all
 * their callers.
 */
__noinline __u32 find_enclosing(__u32 entries, __u32 offset, __u32 port)
{
	/* Up to 17 prefixes lie in one another, and the entry for any protocol encloses all. */
	for (int i = 0; i < 19; i++) {
		struct podlane_rule_entry *entry = entry_at(entries + offset);
		if (!entry)
			return 0;
		if (!((entry->protocol_port ^ port) & entry->mask))
			return entries + offset;
		if (!offset)
			return 0;
		offset = entry->verdict_and_parent & PODLANE_PARENT_MASK;
		if (offset == PODLANE_PARENT_MASK)
			return 0;
	}
	return 0;
}

/* Returns the index of the entry with the longest prefix that contains the port; 0 if there is none. */
__noinline __u32 find_entry(__u32 entries, __u32 port)
{
	struct podlane_rule_entry *entry = entry_at(entries);

	if (!entry || entry->protocol_port > port)
		return 0;
	__u32 low = 0, high = entry->verdict_and_parent & PODLANE_PARENT_MASK;
	for (int i = 0; i < 19 && high - low > 1; i++) {
		__u32 middle = (low + high) / 2;
		entry = entry_at(entries + middle);
		if (!entry)
			return 0;
		if (entry->protocol_port > port)
			high = middle;
		else
			low = middle;
	}
	return find_enclosing(entries, low, port);
}

static __always_inline struct podlane_rule_entry *lookup_entry(__u32 entries, __u32 port)
{
	__u32 index = find_entry(entries, port);

	return index ? entry_at(index) : NULL;
}

/*
 * True if one of the entries for the protocol allows something. Looks at 32 of them; where there are more, it is taken for
 * granted.
 */
__noinline int allows_some_port(__u32 entries, __u32 protocol)
{
	struct podlane_rule_entry *entry = entry_at(entries);

	if (!entry)
		return 0;
	__u32 low = 0, high = entry->verdict_and_parent & PODLANE_PARENT_MASK, last = protocol | 0xffff;
	for (int i = 0; i < 19 && high - low > 1; i++) {
		__u32 middle = (low + high) / 2;
		entry = entry_at(entries + middle);
		if (!entry)
			return 0;
		if (entry->protocol_port > last)
			high = middle;
		else
			low = middle;
	}
	for (int i = 0; i < 32; i++) {
		entry = entry_at(entries + low);
		if (!entry)
			return 0;
		/* Entries of another protocol lie between those of this one and the one for any protocol, the first. */
		if (((entry->protocol_port ^ protocol) & entry->mask & 0xffff0000) == 0 &&
		    entry->verdict_and_parent >> 24 == PODLANE_ALLOW)
			return 1;
		if (!low)
			return 0;
		if ((entry->protocol_port & 0xffff0000) != protocol)
			low = 0;
		else
			low--;
	}
	return 1;
}

static __always_inline __u64 lookup_policy(const struct policy_query *query, __u32 generation, __u32 set,
					   void *ipcache, void *pods, void *policies)
{
	__u32 table = generation & 1, direction = query->direction & 1;
	struct podlane_ipcache_key prefix = { .prefix_length = 128 };

	__builtin_memcpy(prefix.address, query->peer, sizeof(prefix.address));
	/* Kubernetes requires that the node can reach its pods for its probes. */
	if (query->flags & QUERY_FROM_NODE)
		return PODLANE_ALLOW;
	struct podlane_pod_policies *pod = bpf_map_lookup_elem(pods, &query->owner);
	struct podlane_pod_policy own = { .default_entries = PODLANE_UNKNOWN_POD };
	if (pod)
		own = pod->of[table][direction];
	if (own.default_entries == PODLANE_UNKNOWN_POD)
		return settings.unknown_pod_denied[set] >> (table * 2 + direction) & 1;
	if (!own.default_entries)
		return PODLANE_ALLOW;
	if (query->flags & QUERY_KNOWN_ONLY)
		return PODLANE_DENY;
	struct podlane_ipcache_entry *cached = NULL;
	if (!(query->flags & QUERY_UNKNOWN_PEER))
		cached = bpf_map_lookup_elem(ipcache, &prefix);
	struct podlane_policy_key key = { own.policy, cached ? cached->identity[table] : 0 };
	struct podlane_policy_entry *policy = bpf_map_lookup_elem(policies, &key);
	struct podlane_rule_entry *entry = NULL;
	if (query->flags & QUERY_SOME_PORT) {
		if (policy && policy->entries[table] && allows_some_port(policy->entries[table], query->protocol_port))
			return PODLANE_ALLOW;
		return !allows_some_port(own.default_entries, query->protocol_port);
	}
	if (policy && policy->entries[table])
		entry = lookup_entry(policy->entries[table], query->protocol_port);
	if (!entry || entry->verdict_and_parent >> 24 == PODLANE_DEFAULT)
		entry = lookup_entry(own.default_entries, query->protocol_port);
	if (!entry) /* cannot happen: default entries contain every port */
		return PODLANE_DENY;
	if (query->count_hit)
		__sync_fetch_and_add(&entry->hits, 1);
	return entry->verdict_and_parent >> 24 | (__u64)entry->rule << 16 | (__u64)entry->log_rule << 32;
}

__noinline __u64 lookup_active(const struct policy_query *query, __u32 generation)
{
	return query ? lookup_policy(query, generation, PODLANE_ACTIVE, &ipcache, &pods, &policies) : PODLANE_DENY;
}

__noinline __u64 lookup_staged(const struct policy_query *query, __u32 generation)
{
	return query ? lookup_policy(query, generation, PODLANE_STAGED, &staged_ipcache, &staged_pods,
				     &staged_policies)
		     : PODLANE_DENY;
}

#endif
