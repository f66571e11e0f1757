// SPDX-License-Identifier: GPL-2.0
/*
 * Evaluates what pods begin through the host stack, once the stack has chosen the other end: from_pod sees a service's
 * address, rules are about its backends. Runs behind NAT at netfilter's POST_ROUTING, for what is forwarded, and LOCAL_IN,
 * for what reaches the node. It also notes who is behind a masqueraded connection to a pod, for programs at netkit/primary,
 * whose packets have lost their connection.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#define MONOTONIC_NS bpf_ktime_get_ns
#include "acl.h"
#include "counters.h"

/* NF_DROP and NF_ACCEPT, include/uapi/linux/netfilter.h. */
#define VERDICT_OF_HOOK_DROP 0
#define VERDICT_OF_HOOK_ACCEPT 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct nf_hook_state {
	__u8 hook, pf;
	struct net_device *in, *out;
};

struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};
#pragma clang attribute pop

/* A packet's ends before and after NAT; IPv4 addresses are the first word. */
struct translation {
	__u32 source[4], destination[4], real_destination[4];
	__u16 source_port, destination_port, real_port; /* host order */
	__u8 family, protocol;
	__u8 segment; /* TCP itself, which from_pod leaves to be evaluated here also where it belongs to no connection */
};

static __always_inline void map_address(__u32 *to, const __u32 *from, __u8 family)
{
	if (family == 4)
		set_mapped4(to, from[0]);
	else
		__builtin_memcpy(to, from, 4 * sizeof(*to));
}

/* Ends of the connection in direction i; CO-RE needs a literal. */
#define READ_ADDRESS(to, i, end) BPF_CORE_READ_INTO(to, connection, tuplehash[i].tuple.end.u3.all)
#define READ_PORT(i, end) bpf_ntohs(BPF_CORE_READ(connection, tuplehash[i].tuple.end.u.all))

/* Reads both ends from the kernel's connection. An answer of a pod's is read from its own direction. */
static __always_inline void read_connection(struct nf_conn *connection, __u32 info, struct translation *to)
{
	to->protocol = BPF_CORE_READ(connection, tuplehash[0].tuple.dst.protonum);
	if (info >= 3) {
		READ_ADDRESS(&to->source, 1, src);
		READ_ADDRESS(&to->destination, 1, dst);
		READ_ADDRESS(&to->real_destination, 0, src);
		to->source_port = READ_PORT(1, src);
		to->destination_port = READ_PORT(1, dst);
		to->real_port = READ_PORT(0, src);
	} else {
		READ_ADDRESS(&to->source, 0, src);
		READ_ADDRESS(&to->destination, 0, dst);
		READ_ADDRESS(&to->real_destination, 1, src);
		to->source_port = READ_PORT(0, src);
		to->destination_port = READ_PORT(0, dst);
		to->real_port = READ_PORT(1, src);
	}
}

/* Reads the ends of a packet that conntrack does not know, and that nothing translates. Returns 0 if it cannot. */
static __always_inline int read_packet(struct sk_buff *skb, struct translation *to)
{
	void *header = (void *)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	__u8 start[40], transport[8];
	__u32 size;

	if (bpf_probe_read_kernel(start, sizeof(start), header) < 0)
		return 0;
	if (to->family == 4) {
		size = (start[0] & 15) * 4;
		to->protocol = start[9];
		to->source[0] = *(__u32 *)(start + 12);
		to->destination[0] = *(__u32 *)(start + 16);
	} else {
		size = sizeof(struct ipv6);
		to->protocol = start[6];
		__builtin_memcpy(to->source, start + 8, sizeof(to->source));
		__builtin_memcpy(to->destination, start + 24, sizeof(to->destination));
	}
	if (bpf_probe_read_kernel(transport, sizeof(transport), header + size) < 0)
		return 0;
	if (to->protocol == IPPROTO_TCP || to->protocol == IPPROTO_UDP || to->protocol == PROTOCOL_SCTP) {
		to->source_port = transport[0] << 8 | transport[1];
		to->destination_port = transport[2] << 8 | transport[3];
	} else if (to->protocol == IPPROTO_ICMP || to->protocol == PROTOCOL_ICMPV6) {
		to->source_port = transport[4] << 8 | transport[5];
		to->destination_port = transport[0] << 8 | transport[1];
	}
	__builtin_memcpy(to->real_destination, to->destination, sizeof(to->real_destination));
	to->real_port = to->destination_port;
	return 1;
}

/* True for a TCP packet that from_pod has not evaluated as one to another pod of the node. */
static __always_inline int is_segment(struct sk_buff *skb, const struct translation *from)
{
	void *header = (void *)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	__u8 protocol = 0;

	/* ICMP errors have the connection of the packet that they quote. */
	if (from->protocol != IPPROTO_TCP || bpf_probe_read_kernel(&protocol, 1, header + (from->family == 4 ? 9 : 6)) < 0 ||
	    protocol != IPPROTO_TCP)
		return 0;
	return from->family == 4 ? !lookup_endpoint4(from->destination[0]) : !lookup_endpoint6(from->destination);
}

static __always_inline int is_icmp_protocol(__u8 protocol)
{
	return protocol == IPPROTO_ICMP || protocol == PROTOCOL_ICMPV6;
}

/* The verdict to report: enum podlane_verdict_kind, the rule set with its generation, and the rule. */
struct report {
	__u32 slot, owner, length, kind, set, generation, rule;
};

/* Reports a verdict with the tuple that the pod sees and, where they differ, the other end that the rules see. */
static __noinline int report_begun(const struct translation *from, const struct report *report)
{
	struct podlane_verdict_event event;

	__builtin_memset(&event, 0, sizeof(event));
	event.slot = report->slot;
	event.owner = report->owner;
	event.direction = PODLANE_EGRESS;
	event.length = report->length;
	event.kind = report->kind;
	event.reason = report->kind == PODLANE_DROPPED ? PODLANE_DENIED : 0;
	event.rule_set = report->set;
	event.generation = report->generation;
	event.rule = report->rule;
	event.tuple.protocol = from->protocol;
	map_address(event.tuple.source, from->source, from->family);
	map_address(event.tuple.destination, from->destination, from->family);
	if (is_icmp_protocol(from->protocol)) {
		event.tuple.icmp_type = from->destination_port >> 8;
		event.tuple.icmp_code = from->destination_port;
	} else {
		event.tuple.source_port = from->source_port;
		event.tuple.destination_port = from->destination_port;
	}
	if (from->real_destination[0] != from->destination[0] || from->real_destination[1] != from->destination[1] ||
	    from->real_destination[2] != from->destination[2] || from->real_destination[3] != from->destination[3] ||
	    (!is_icmp_protocol(from->protocol) && from->real_port != from->destination_port)) {
		map_address(event.real_peer, from->real_destination, from->family);
		event.real_port = is_icmp_protocol(from->protocol) ? 0 : from->real_port;
	}
	return send_verdict(&event);
}

/* Evaluates what a pod begins, and its TCP segments in mid-stream that belong to no connection, which become none. */
static __noinline int evaluate_begun(const struct translation *from, __u32 slot, __u32 owner, __u32 length)
{
	struct podlane_conntrack_key key;
	struct policy_query query;
	struct report report;
	__u32 flags = settings.flags, now = now_seconds();
	__u8 protocol = from->protocol;
	int icmp = is_icmp_protocol(protocol);

	__builtin_memset(&key, 0, sizeof(key));
	key.owner = owner;
	key.protocol = protocol;
	map_address(key.peer, from->destination, from->family);
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == PROTOCOL_SCTP || icmp) {
		key.pod_port = from->source_port;
		/* An echo's type and code are its destination port in conntrack; the key has the query's type alone. */
		key.peer_port = icmp ? from->destination_port & 0xff00 : from->destination_port;
	}
	struct podlane_conntrack_entry *entry = lookup_conntrack(&key, now);
	if (entry ? entry->initiator != PODLANE_INITIATOR_POD || entry->state == PODLANE_ENDED
		  : !from->segment || !(flags & (PODLANE_ACTIVE_RULES | PODLANE_STAGED_RULES)))
		return VERDICT_OF_HOOK_ACCEPT;
	__builtin_memset(&query, 0, sizeof(query));
	map_address(query.peer, from->real_destination, from->family);
	__u16 real_port = icmp || !key.peer_port ? key.peer_port : from->real_port;
	/* The other end changes when a service has another backend. */
	if (entry && !(entry->flags & PODLANE_PENDING) && entry->real_port == real_port &&
	    entry->real_peer[0] == query.peer[0] && entry->real_peer[1] == query.peer[1] &&
	    entry->real_peer[2] == query.peer[2] && entry->real_peer[3] == query.peer[3])
		return VERDICT_OF_HOOK_ACCEPT;
	__u32 active = flags & PODLANE_ACTIVE_RULES ? settings.generation[PODLANE_ACTIVE] : 0;
	__u32 staged = flags & PODLANE_STAGED_RULES ? settings.generation[PODLANE_STAGED] : 0;
	query.owner = owner;
	query.direction = PODLANE_EGRESS;
	query.protocol_port = protocol_port(from->family, protocol, real_port);
	query.count_hit = 1;
	__u64 verdict = active ? lookup_active(&query, active) : PODLANE_ALLOW;
	__u64 would = staged ? lookup_staged(&query, staged) : PODLANE_ALLOW;
	report.slot = slot;
	report.owner = owner;
	report.length = length;
	report.set = PODLANE_ACTIVE;
	report.generation = active;
	if (LOG_RULE(verdict)) {
		report.kind = PODLANE_LOGGED;
		report.rule = LOG_RULE(verdict);
		report_begun(from, &report);
	}
	if (IS_DENY(verdict)) {
		report.kind = PODLANE_DROPPED;
		report.rule = DECIDING_RULE(verdict);
		report_begun(from, &report);
		if (entry)
			entry->expires = now; /* it never was a connection */
		count_drop(slot, 0, PODLANE_DENIED);
	}
	if (staged && IS_DENY(would) != IS_DENY(verdict)) {
		report.kind = IS_DENY(verdict) ? PODLANE_STAGED_ALLOW : PODLANE_STAGED_DENY;
		report.set = PODLANE_STAGED;
		report.generation = staged;
		report.rule = DECIDING_RULE(would);
		report_begun(from, &report);
	}
	if (IS_DENY(verdict))
		return VERDICT_OF_HOOK_DROP;
	if (!entry)
		return VERDICT_OF_HOOK_ACCEPT;
	__builtin_memcpy(entry->real_peer, query.peer, sizeof(query.peer));
	entry->real_port = real_port;
	entry->rule = DECIDING_RULE(verdict);
	entry->staged_rule = DECIDING_RULE(would);
	entry->staged_denies = IS_DENY(would);
	entry->generation = active;
	entry->staged_generation = staged;
	entry->flags &= ~PODLANE_PENDING;
	return VERDICT_OF_HOOK_ACCEPT;
}

/* Notes the original source of a connection to a pod, whose source the stack has replaced. */
static __noinline int note_masqueraded(struct nf_conn *connection, __u32 owner, __u32 family)
{
	struct podlane_conntrack_key key;
	struct podlane_node_address origin;
	__u32 address[4];

	__builtin_memset(&key, 0, sizeof(key));
	key.owner = owner;
	key.protocol = BPF_CORE_READ(connection, tuplehash[0].tuple.dst.protonum);
	key.pod_port = READ_PORT(1, src);
	key.peer_port = READ_PORT(1, dst);
	READ_ADDRESS(&address, 1, dst);
	map_address(key.peer, address, family);
	READ_ADDRESS(&address, 0, src);
	map_address(origin.address, address, family);
	bpf_map_update_elem(&masqueraded, &key, &origin, BPF_ANY);
	return 0;
}

/* Returns the slot of a primary by its index; NULL for other devices. */
static __always_inline struct podlane_slot *slot_at(int ifindex, __u32 *number)
{
	if (ifindex < PODLANE_IFINDEX_BASE)
		*number = foreign_slot(ifindex);
	else if (ifindex & 1)
		return NULL;
	else
		*number = (ifindex - PODLANE_IFINDEX_BASE) >> 1;
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, number);
	return slot && slot->owner ? slot : NULL;
}

SEC("netfilter") int after_nat(struct bpf_nf_ctx *context)
{
	struct translation translation;
	struct sk_buff *skb = context->skb;
	const struct nf_hook_state *state = context->state;
	__u32 number = 0;

	if (!(settings.flags & PODLANE_AFTER_NAT))
		return VERDICT_OF_HOOK_ACCEPT;
	unsigned long tracked = skb->_nfct;
	struct nf_conn *connection = (void *)(tracked & ~7UL);
	__u32 info = tracked & 7;
	struct podlane_slot *slot = slot_at(skb->skb_iif, &number);
	struct net_device *out = state->out;
	__u32 target = 0;
	struct podlane_slot *to = out && connection && info < 3 ? slot_at(out->ifindex, &target) : NULL;
	if (!slot && !to)
		return VERDICT_OF_HOOK_ACCEPT;
	if (to && BPF_CORE_READ(connection, status) & CONNECTION_SRC_NAT)
		note_masqueraded(connection, to->owner, state->pf == 2 ? 4 : 6);
	if (!slot)
		return VERDICT_OF_HOOK_ACCEPT;
	__builtin_memset(&translation, 0, sizeof(translation));
	translation.family = state->pf == 2 ? 4 : 6;
	if (connection)
		read_connection(connection, info, &translation);
	else if (!read_packet(skb, &translation))
		return VERDICT_OF_HOOK_ACCEPT;
	translation.segment = is_segment(skb, &translation);
	return evaluate_begun(&translation, number, slot->owner, skb->len);
}

char LICENSE[] SEC("license") = "GPL";
