/* SPDX-License-Identifier: GPL-2.0 */
/* Evaluates packets by the active rule set and, beside it, by the staged one, which is not enforced. */
#ifndef PODLANE_ACL_H
#define PODLANE_ACL_H

#include "conntrack-quota.h"
#include "fragment.h"
#include "kernel-conntrack.h"
#include "policy.h"
#include "verdict-events.h"

/* Flags beside the direction in `how`. */
#define EVALUATE_COUNTED 2   /* this hook counts the packet, whereas other hooks only enforce */
#define EVALUATE_FROM_NODE 4 /* the node itself sent it */
#define EVALUATE_AFTER_NAT 8 /* it goes to the host stack, where after_nat() evaluates what it begins */

struct evaluation {
	struct packet *packet;
	struct policy_query query;
	__u32 generation[2]; /* by rule set, read once; 0 without a rule set */
	__u32 now;           /* s */
	__u32 learning;      /* there is no rule set yet */
	__u32 how;
};

static __always_inline __u64 evaluate_set(struct evaluation *evaluation, __u32 set)
{
	__u32 generation = evaluation->generation[set];

	if (!generation)
		return PODLANE_ALLOW;
	return set == PODLANE_ACTIVE ? lookup_active(&evaluation->query, generation)
				     : lookup_staged(&evaluation->query, generation);
}

static __always_inline void report_verdict(struct evaluation *evaluation, __u32 kind, __u32 set, __u16 rule)
{
	struct podlane_verdict_event *event = &evaluation->packet->event;

	event->kind = kind;
	event->reason = kind == PODLANE_DROPPED ? PODLANE_DENIED : 0;
	event->rule_set = set;
	event->generation = evaluation->generation[set & 1];
	event->rule = rule;
	send_verdict(event);
}

/* Evaluates the rules for the connection's initiator, whichever end sent this packet. */
static __always_inline __u64 evaluate_initiator(struct evaluation *evaluation,
						const struct podlane_conntrack_key *key,
						const struct podlane_conntrack_entry *connection, __u8 initiator,
						__u32 set)
{
	__u16 port = initiator == PODLANE_INITIATOR_PEER ? key->pod_port : connection->real_port;
	__u32 protocol = evaluation->packet->event.tuple.protocol;

	evaluation->query.direction = initiator == PODLANE_INITIATOR_PEER ? PODLANE_INGRESS : PODLANE_EGRESS;
	evaluation->query.protocol_port = protocol_port(evaluation->packet->family, protocol, port);
	evaluation->query.flags = connection->flags & PODLANE_FROM_NODE      ? QUERY_FROM_NODE
				  : connection->flags & PODLANE_UNKNOWN_PEER ? QUERY_UNKNOWN_PEER
									      : 0;
	__builtin_memcpy(evaluation->query.peer, connection->real_peer, sizeof(evaluation->query.peer));
	return evaluate_set(evaluation, set);
}

/* True if nobody knows which end began a connection: it existed before there were rules. */
static __always_inline int has_unknown_initiator(const struct podlane_conntrack_entry *connection)
{
	return connection->initiator == PODLANE_INITIATOR_UNKNOWN || connection->flags & PODLANE_LEARNED;
}

/* Finds out who began an adopted connection: the end that the rules allow to, if there is one. */
static __always_inline __u64 evaluate_either_initiator(struct evaluation *evaluation,
						       const struct podlane_conntrack_key *key,
						       struct podlane_conntrack_entry *connection, __u32 set)
{
	__u64 verdict = evaluate_initiator(evaluation, key, connection, PODLANE_INITIATOR_PEER, set);

	connection->initiator = PODLANE_INITIATOR_UNKNOWN;
	connection->flags &= ~PODLANE_LEARNED;
	if (!IS_DENY(verdict)) {
		connection->initiator = PODLANE_INITIATOR_PEER;
		return verdict;
	}
	verdict = evaluate_initiator(evaluation, key, connection, PODLANE_INITIATOR_POD, set);
	if (!IS_DENY(verdict))
		connection->initiator = PODLANE_INITIATOR_POD;
	return verdict;
}

#define DROP(reason, rule) ((reason) | (__u32)(rule) << 8)

/* Ends a connection that is no longer allowed: none of its packets passes any more, whoever sends them. */
static __always_inline int end_connection(struct evaluation *evaluation, struct podlane_conntrack_entry *connection)
{
	connection->state = PODLANE_ENDED;
	connection->expires =
		evaluation->now + conntrack_timeout(evaluation->packet->event.tuple.protocol, PODLANE_ENDED);
	report_verdict(evaluation, PODLANE_DROPPED, PODLANE_ACTIVE, connection->rule);
	return DROP(PODLANE_DENIED, connection->rule);
}

/*
 * Re-evaluates a packet of a known connection if a rule set has changed since, and updates the connection. Returns
 * ACCEPT or DROP.
 */
static __always_inline int evaluate_established(struct evaluation *evaluation,
						const struct podlane_conntrack_key *key,
						struct podlane_conntrack_entry *connection, __u8 sender, __u32 counted)
{
	if (evaluation->generation[PODLANE_ACTIVE] != connection->generation) {
		__u64 verdict = has_unknown_initiator(connection)
					? evaluate_either_initiator(evaluation, key, connection, PODLANE_ACTIVE)
					: evaluate_initiator(evaluation, key, connection, connection->initiator,
							     PODLANE_ACTIVE);
		connection->rule = DECIDING_RULE(verdict);
		connection->generation = evaluation->generation[PODLANE_ACTIVE];
		if (IS_DENY(verdict))
			return end_connection(evaluation, connection);
		if (LOG_RULE(verdict) && counted)
			report_verdict(evaluation, PODLANE_LOGGED, PODLANE_ACTIVE, LOG_RULE(verdict));
	}
	if (evaluation->generation[PODLANE_STAGED] != connection->staged_generation) {
		/* Which end began an adopted connection is found out by active rules alone: here, either may have. */
		int unknown = has_unknown_initiator(connection);
		__u64 verdict = evaluate_initiator(evaluation, key, connection,
						   unknown ? PODLANE_INITIATOR_PEER : connection->initiator, PODLANE_STAGED);
		if (unknown && IS_DENY(verdict))
			verdict = evaluate_initiator(evaluation, key, connection, PODLANE_INITIATOR_POD, PODLANE_STAGED);
		connection->staged_denies = IS_DENY(verdict);
		connection->staged_rule = DECIDING_RULE(verdict);
		connection->staged_generation = evaluation->generation[PODLANE_STAGED];
	}
	if (connection->staged_denies && counted)
		report_verdict(evaluation, PODLANE_STAGED_DENY, PODLANE_STAGED, connection->staged_rule);
	update_conntrack(connection, evaluation->packet, sender, evaluation->now);
	return ACCEPT;
}

/*
 * Sets the other end that rules see. The pod sees a masqueraded connection come from the node; rules see who began it. If
 * nobody knows who did, it is not the node.
 */
static __always_inline void find_real_peer(struct evaluation *evaluation, const struct podlane_conntrack_key *key,
					   struct podlane_conntrack_entry *connection, __u8 sender)
{
	struct podlane_verdict_event *event = &evaluation->packet->event;
	struct podlane_node_address *origin = NULL;

	__builtin_memcpy(connection->real_peer, key->peer, sizeof(connection->real_peer));
	connection->real_port = key->peer_port;
	if (sender != PODLANE_INITIATOR_PEER)
		return;
	if (evaluation->how & EVALUATE_FROM_NODE) {
		evaluation->query.flags = QUERY_FROM_NODE;
		connection->flags = PODLANE_FROM_NODE;
		return;
	}
	/* The original source, from the kernel's connection of this packet, or as after_nat() saw it. */
	if (event->real_peer[0] | event->real_peer[1] | event->real_peer[2] | event->real_peer[3]) {
		__builtin_memcpy(connection->real_peer, event->real_peer, sizeof(connection->real_peer));
		return;
	}
	origin = bpf_map_lookup_elem(&masqueraded, key);
	if (origin) {
		__builtin_memcpy(connection->real_peer, origin->address, sizeof(connection->real_peer));
		__builtin_memcpy(event->real_peer, origin->address, sizeof(event->real_peer));
	} else if (bpf_map_lookup_elem(&node_addresses, key->peer)) {
		evaluation->query.flags = QUERY_UNKNOWN_PEER;
		connection->flags = PODLANE_UNKNOWN_PEER;
	}
}

/*
 * True if there are no rules yet and a packet is of a connection of which nobody knows who began it. A SYN tells, and a
 * query of ICMP; a RST ends what it is of.
 */
static __always_inline int is_learned(const struct evaluation *evaluation, const struct packet *packet)
{
	if (!evaluation->learning || packet->kind != PACKET_TRACKED || is_icmp(packet))
		return 0;
	return !is_tcp(packet) || !(packet->event.tuple.tcp_flags & (TCP_SYN | TCP_RST));
}

/* Evaluates a packet without a known connection and tracks the connection if allowed. Returns ACCEPT or DROP. */
static __always_inline int evaluate_new(struct evaluation *evaluation, const struct podlane_conntrack_key *key,
					__u8 sender, __u32 counted)
{
	struct packet *packet = evaluation->packet;
	struct podlane_tuple *tuple = &packet->event.tuple;
	struct podlane_conntrack_entry connection;
	__u64 verdict[2];

	__builtin_memset(&connection, 0, sizeof(connection));
	connection.initiator = sender;
	find_real_peer(evaluation, key, &connection, sender);
	__u32 opens = opens_connection(packet), learned = is_learned(evaluation, packet);
	if (learned) {
		/* The node may have answered as well as begun. */
		connection.flags = (connection.flags & ~PODLANE_FROM_NODE) | PODLANE_LEARNED;
		opens = 1;
	}
	if (opens && evaluation->how & EVALUATE_AFTER_NAT && packet->translatable) {
		connection.flags |= PODLANE_PENDING;
		if (track_connection(key, &connection, evaluation->now))
			return ACCEPT;
		connection.flags &= ~PODLANE_PENDING;
	}
	/* A segment in mid-stream is evaluated there as well, by the end that the stack chooses. */
	if (!opens && is_tcp(packet) && evaluation->how & EVALUATE_AFTER_NAT && packet->translatable)
		return ACCEPT;
	__u16 port = is_icmp(packet) ? tuple->icmp_type << 8 | tuple->icmp_code : tuple->destination_port;
	if (packet->kind == PACKET_ICMP_ERROR)
		evaluation->query.flags |= QUERY_KNOWN_ONLY;
	evaluation->query.direction = sender == PODLANE_INITIATOR_PEER ? PODLANE_INGRESS : PODLANE_EGRESS;
	evaluation->query.protocol_port = protocol_port(packet->family, tuple->protocol, port);
	__builtin_memcpy(evaluation->query.peer, connection.real_peer, sizeof(evaluation->query.peer));
	for (int set = PODLANE_ACTIVE; set <= PODLANE_STAGED; set++)
		verdict[set] = evaluate_set(evaluation, set);
	__u32 denied = IS_DENY(verdict[PODLANE_ACTIVE]);
	if (LOG_RULE(verdict[PODLANE_ACTIVE]) && counted)
		report_verdict(evaluation, PODLANE_LOGGED, PODLANE_ACTIVE, LOG_RULE(verdict[PODLANE_ACTIVE]));
	if (LOG_RULE(verdict[PODLANE_STAGED]) && counted)
		report_verdict(evaluation, PODLANE_LOGGED, PODLANE_STAGED, LOG_RULE(verdict[PODLANE_STAGED]));
	if (evaluation->generation[PODLANE_STAGED] && IS_DENY(verdict[PODLANE_STAGED]) != denied && (counted || denied))
		report_verdict(evaluation, denied ? PODLANE_STAGED_ALLOW : PODLANE_STAGED_DENY, PODLANE_STAGED,
			       DECIDING_RULE(verdict[PODLANE_STAGED]));
	if (denied) {
		report_verdict(evaluation, PODLANE_DROPPED, PODLANE_ACTIVE, DECIDING_RULE(verdict[PODLANE_ACTIVE]));
		return DROP(PODLANE_DENIED, DECIDING_RULE(verdict[PODLANE_ACTIVE]));
	}
	/* A TCP segment in mid-stream passes where its sender may begin a connection; it makes no connection known. */
	if (!opens)
		return ACCEPT;
	connection.generation = evaluation->generation[PODLANE_ACTIVE];
	connection.staged_generation = evaluation->generation[PODLANE_STAGED];
	connection.rule = DECIDING_RULE(verdict[PODLANE_ACTIVE]);
	connection.staged_rule = DECIDING_RULE(verdict[PODLANE_STAGED]);
	connection.staged_denies = IS_DENY(verdict[PODLANE_STAGED]);
	track_connection(key, &connection, evaluation->now);
	return ACCEPT;
}

/* Whether a packet belongs to a connection that is in the table, opens another in its place, or neither. */
enum known_as { KNOWN_ESTABLISHED, KNOWN_NOT, KNOWN_PENDING, KNOWN_ENDED };

static __always_inline enum known_as find_connection(struct evaluation *evaluation,
						     const struct podlane_conntrack_entry *connection, __u8 sender)
{
	struct packet *packet = evaluation->packet;

	if (!connection)
		return KNOWN_NOT;
	if (connection->flags & PODLANE_PENDING)
		return sender == PODLANE_INITIATOR_POD && evaluation->how & EVALUATE_AFTER_NAT ? KNOWN_PENDING : KNOWN_NOT;
	/* What was seen before there were rules and had no answer is no connection. A SYN tells who begins one. */
	if (connection->flags & PODLANE_LEARNED &&
	    (is_tcp_syn(packet) || (connection->state != PODLANE_REPLIED && !evaluation->learning)))
		return KNOWN_NOT;
	if (connection->state == PODLANE_ENDED) {
		/* Its initiator may begin it anew, if rules have changed. What the other end goes on sending begins nothing. */
		if (!evaluation->generation[PODLANE_ACTIVE])
			return KNOWN_NOT;
		if (is_tcp(packet) ? is_tcp_syn(packet)
				   : sender == connection->initiator ||
					     connection->initiator == PODLANE_INITIATOR_UNKNOWN)
			return KNOWN_NOT;
		return KNOWN_ENDED;
	}
	if (!is_tcp_syn(packet) || (connection->initiator == sender && connection->state != PODLANE_CLOSING))
		return KNOWN_ESTABLISHED;
	/* Both ends may have sent a SYN at once; else a SYN opens a new connection on the same ports. */
	return connection->state == PODLANE_UNREPLIED ? KNOWN_ESTABLISHED : KNOWN_NOT;
}

static __always_inline void begin_evaluation(struct evaluation *evaluation, struct packet *packet)
{
	__u32 flags = settings.flags;

	evaluation->packet = packet;
	evaluation->generation[PODLANE_ACTIVE] =
		flags & PODLANE_ACTIVE_RULES ? settings.generation[PODLANE_ACTIVE] : 0;
	evaluation->generation[PODLANE_STAGED] =
		flags & PODLANE_STAGED_RULES ? settings.generation[PODLANE_STAGED] : 0;
	evaluation->learning = flags & PODLANE_LEARNING && !(flags & (PODLANE_ACTIVE_RULES | PODLANE_STAGED_RULES));
	evaluation->now = now_seconds();
	evaluation->query.owner = packet->event.owner;
}

/* True if the rules may allow some packet of a later fragment's protocol between its ends. */
static __always_inline int may_be_allowed(struct evaluation *evaluation, __u32 how)
{
	const struct podlane_tuple *tuple = &evaluation->packet->event.tuple;

	evaluation->query.direction = how & 1;
	evaluation->query.flags = QUERY_SOME_PORT | (how & EVALUATE_FROM_NODE ? QUERY_FROM_NODE : 0);
	evaluation->query.protocol_port = protocol_port(evaluation->packet->family, tuple->protocol, 0);
	__builtin_memcpy(evaluation->query.peer,
			 (how & 1) == PODLANE_INGRESS ? tuple->source : tuple->destination,
			 sizeof(evaluation->query.peer));
	return !IS_DENY(evaluate_set(evaluation, PODLANE_ACTIVE));
}

/* Evaluates a later fragment. Returns ACCEPT or DROP. */
__noinline int evaluate_later_fragment(struct packet *packet, __u32 how)
{
	struct evaluation evaluation = {};
	__u32 early = 0;

	if (!packet)
		return ACCEPT;
	begin_evaluation(&evaluation, packet);
	if (!evaluation.generation[PODLANE_ACTIVE])
		return ACCEPT;
	enum podlane_fragment_state first = first_fragment(packet, evaluation.now, &early);
	if (first == PODLANE_FIRST_PASSED)
		return ACCEPT;
	if (first == PODLANE_FIRST_AWAITED && early < EARLY_FRAGMENTS && may_be_allowed(&evaluation, how))
		return ACCEPT;
	packet->event.generation = evaluation.generation[PODLANE_ACTIVE];
	packet->event.reason = PODLANE_FRAGMENT;
	send_verdict(&packet->event);
	return DROP(PODLANE_FRAGMENT, 0);
}

/* Records the verdict of a first fragment, for the later ones. */
__noinline int record_first_fragment(struct packet *packet, __u32 passed)
{
	if (packet)
		remember_fragment(packet, now_seconds(), passed ? PODLANE_FIRST_PASSED : PODLANE_FIRST_DROPPED);
	return 0;
}

/* Evaluates an unfragmented packet or a first fragment. Returns ACCEPT or DROP. */
__noinline int evaluate_packet(struct packet *packet, __u32 how)
{
	struct podlane_conntrack_key key = {};
	struct evaluation evaluation = {};

	if (!packet)
		return ACCEPT;
	int towards_pod = packet->event.direction == PODLANE_INGRESS;
	__u8 sender = towards_pod ? PODLANE_INITIATOR_PEER : PODLANE_INITIATOR_POD;
	__u32 counted = how & EVALUATE_COUNTED;
	begin_evaluation(&evaluation, packet);
	evaluation.how = how;
	evaluation.query.count_hit = counted;
	conntrack_key(&key, packet->event.owner, packet, towards_pod);
	struct podlane_conntrack_entry *connection = NULL;
	if (packet->kind == PACKET_TRACKED || packet->kind == PACKET_REPLY)
		connection = lookup_conntrack(&key, evaluation.now);
	switch (find_connection(&evaluation, connection, sender)) {
	case KNOWN_ESTABLISHED:
		return connection ? evaluate_established(&evaluation, &key, connection, sender, counted) : ACCEPT;
	case KNOWN_PENDING:
		return ACCEPT;
	case KNOWN_ENDED:
		return connection ? end_connection(&evaluation, connection) : ACCEPT;
	default:
		return evaluate_new(&evaluation, &key, sender, counted);
	}
}

/* Reads the original source of a packet to a pod from the kernel's connection, where the host stack attached one. */
static __noinline int read_original_source(struct __sk_buff *skb, struct packet *packet)
{
	__u32 address[4];

	if ((config.features & FEATURES_OF_PATHS) != FEATURES_OF_PATHS)
		return 0;
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	unsigned long connection = kernel->_nfct;
	/* enum ip_conntrack_info: below 3 are packets of the initiator, from 3 on answers. */
	if (!(connection & ~7UL) || (connection & 7) >= 3)
		return 0;
	struct nf_conn *of_kernel = (void *)(connection & ~7UL);
	BPF_CORE_READ_INTO(&address, of_kernel, tuplehash[0].tuple.src.u3.all);
	if (packet->family == 4) {
		if (address[0] != packet->event.tuple.source[3])
			set_mapped4(packet->event.real_peer, address[0]);
	} else if (address[0] != packet->event.tuple.source[0] || address[1] != packet->event.tuple.source[1] ||
		   address[2] != packet->event.tuple.source[2] || address[3] != packet->event.tuple.source[3]) {
		__builtin_memcpy(packet->event.real_peer, address, sizeof(address));
	}
	return 0;
}

/*
 * Returns ACCEPT, or drop reason | rule number << 8. `how` is the direction | flags. Must only be called if there is a
 * rule set.
 */
__noinline int evaluate(struct __sk_buff *skb, __u32 slot, __u32 owner, __u32 how)
{
	struct packet packet = {};
	__u32 direction = how & 1;

	if (parse_packet(skb, &packet) >= 0)
		return settings.flags & PODLANE_ACTIVE_RULES ? PODLANE_MALFORMED : ACCEPT;
	if (packet.kind == PACKET_EXEMPT)
		return ACCEPT;
	init_event(&packet.event, skb, slot, owner, direction);
	if (packet.kind == PACKET_LATER_FRAGMENT)
		return evaluate_later_fragment(&packet, how);
	if (packet.kind == PACKET_ICMP_ERROR &&
	    quotes_connection(skb, packet.family, packet.offset, owner, direction == PODLANE_INGRESS))
		return ACCEPT;
	if (direction == PODLANE_INGRESS && !(how & EVALUATE_FROM_NODE) && opens_connection(&packet))
		read_original_source(skb, &packet);
	int verdict = evaluate_packet(&packet, how);
	if (packet.first_fragment)
		record_first_fragment(&packet, verdict < 0);
	return verdict;
}

#endif
