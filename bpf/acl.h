/* SPDX-License-Identifier: GPL-2.0 */
/* Evaluates packets by the active rule set and, beside it, by the staged one, which is not enforced. */
#ifndef PODLANE_ACL_H
#define PODLANE_ACL_H

#include "conntrack.h"
#include "fragment.h"
#include "policy.h"
#include "verdict-events.h"

/* Flag beside the direction in `how`: this hook counts the packet, whereas other hooks only enforce. */
#define EVALUATE_COUNTED 2

struct evaluation {
	struct packet *packet;
	struct policy_query query;
	__u32 generation[2]; /* by rule set, read once; 0 without a rule set */
	__u32 now;           /* s */
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
						const struct podlane_conntrack_key *key, __u8 initiator, __u32 set)
{
	__u16 port = initiator == PODLANE_INITIATOR_PEER ? key->pod_port : key->peer_port;
	__u32 protocol = evaluation->packet->event.tuple.protocol;

	evaluation->query.direction = initiator == PODLANE_INITIATOR_PEER ? PODLANE_INGRESS : PODLANE_EGRESS;
	evaluation->query.protocol_port = protocol_port(evaluation->packet->family, protocol, port);
	return evaluate_set(evaluation, set);
}

#define DROP(reason, rule) ((reason) | (__u32)(rule) << 8)

/*
 * Re-evaluates a packet of a known connection if a rule set has changed since, and updates the connection. Returns
 * ACCEPT or DROP.
 */
static __always_inline int evaluate_established(struct evaluation *evaluation,
						const struct podlane_conntrack_key *key,
						struct podlane_conntrack_entry *connection, __u8 sender, __u32 counted)
{
	if (evaluation->generation[PODLANE_ACTIVE] != connection->generation) {
		__u64 verdict = evaluate_initiator(evaluation, key, connection->initiator, PODLANE_ACTIVE);
		if (IS_DENY(verdict)) {
			bpf_map_delete_elem(&conntrack, key);
			report_verdict(evaluation, PODLANE_DROPPED, PODLANE_ACTIVE, DECIDING_RULE(verdict));
			return DROP(PODLANE_DENIED, DECIDING_RULE(verdict));
		}
		connection->rule = DECIDING_RULE(verdict);
		connection->generation = evaluation->generation[PODLANE_ACTIVE];
		if (LOG_RULE(verdict) && counted)
			report_verdict(evaluation, PODLANE_LOGGED, PODLANE_ACTIVE, LOG_RULE(verdict));
	}
	if (evaluation->generation[PODLANE_STAGED] != connection->staged_generation) {
		__u64 verdict = evaluate_initiator(evaluation, key, connection->initiator, PODLANE_STAGED);
		connection->staged_denies = IS_DENY(verdict);
		connection->staged_rule = DECIDING_RULE(verdict);
		connection->staged_generation = evaluation->generation[PODLANE_STAGED];
	}
	if (connection->staged_denies && counted)
		report_verdict(evaluation, PODLANE_STAGED_DENY, PODLANE_STAGED, connection->staged_rule);
	update_conntrack(connection, evaluation->packet, sender, evaluation->now);
	return ACCEPT;
}

/* Evaluates a packet without a known connection and tracks the connection if allowed. Returns ACCEPT or DROP. */
static __always_inline int evaluate_new(struct evaluation *evaluation, const struct podlane_conntrack_key *key,
					__u8 sender, __u32 counted)
{
	struct packet *packet = evaluation->packet;
	struct podlane_tuple *tuple = &packet->event.tuple;
	struct podlane_conntrack_entry connection = { .initiator = sender };
	__u64 verdict[2];

	/* For a TCP segment in mid-stream without a known connection, either end may be the initiator. */
	int mid_stream = is_tcp(packet) && !is_tcp_syn(packet);
	__u16 port = is_icmp(packet) ? tuple->icmp_type << 8 | tuple->icmp_code : tuple->destination_port;
	for (int set = PODLANE_ACTIVE; set <= PODLANE_STAGED; set++) {
		evaluation->query.direction = sender == PODLANE_INITIATOR_PEER ? PODLANE_INGRESS : PODLANE_EGRESS;
		evaluation->query.protocol_port = protocol_port(packet->family, tuple->protocol, port);
		verdict[set] = evaluate_set(evaluation, set);
		if (!IS_DENY(verdict[set]) || !mid_stream)
			continue;
		__u64 reverse = evaluate_initiator(evaluation, key, !sender, set);
		if (IS_DENY(reverse))
			continue;
		verdict[set] = reverse;
		if (set == PODLANE_ACTIVE)
			connection.initiator = !sender;
	}
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
	if (packet->kind != PACKET_TRACKED)
		return ACCEPT;
	connection.generation = evaluation->generation[PODLANE_ACTIVE];
	connection.staged_generation = evaluation->generation[PODLANE_STAGED];
	connection.rule = DECIDING_RULE(verdict[PODLANE_ACTIVE]);
	connection.staged_rule = DECIDING_RULE(verdict[PODLANE_STAGED]);
	connection.staged_denies = IS_DENY(verdict[PODLANE_STAGED]);
	create_conntrack(key, &connection, packet, sender, evaluation->now);
	return ACCEPT;
}

static __always_inline void begin_evaluation(struct evaluation *evaluation, struct packet *packet)
{
	__u32 flags = settings.flags;

	evaluation->packet = packet;
	evaluation->generation[PODLANE_ACTIVE] =
		flags & PODLANE_ACTIVE_RULES ? settings.generation[PODLANE_ACTIVE] : 0;
	evaluation->generation[PODLANE_STAGED] =
		flags & PODLANE_STAGED_RULES ? settings.generation[PODLANE_STAGED] : 0;
	evaluation->now = now_seconds();
	evaluation->query.owner = packet->event.owner;
}

/* Evaluates a later fragment, or records that a first fragment has passed. Returns ACCEPT or DROP. */
__noinline int evaluate_fragment(struct packet *packet)
{
	struct evaluation evaluation = {};

	if (!packet)
		return ACCEPT;
	begin_evaluation(&evaluation, packet);
	if (packet->kind != PACKET_LATER_FRAGMENT) {
		remember_fragment(packet, evaluation.now);
		return ACCEPT;
	}
	if (first_fragment_passed(packet, evaluation.now) || !evaluation.generation[PODLANE_ACTIVE])
		return ACCEPT;
	packet->event.generation = evaluation.generation[PODLANE_ACTIVE];
	packet->event.reason = PODLANE_FRAGMENT;
	send_verdict(&packet->event);
	return DROP(PODLANE_FRAGMENT, 0);
}

/* Evaluates an unfragmented packet or a first fragment. Returns ACCEPT or DROP. */
__noinline int evaluate_packet(struct packet *packet, __u32 counted)
{
	struct podlane_conntrack_key key = {};
	struct evaluation evaluation = {};

	if (!packet)
		return ACCEPT;
	int towards_pod = packet->event.direction == PODLANE_INGRESS;
	__u8 sender = towards_pod ? PODLANE_INITIATOR_PEER : PODLANE_INITIATOR_POD;
	begin_evaluation(&evaluation, packet);
	evaluation.query.count_hit = counted;
	conntrack_key(&key, packet->event.owner, packet, towards_pod);
	__builtin_memcpy(evaluation.query.peer, key.peer, sizeof(key.peer));
	struct podlane_conntrack_entry *connection = NULL;
	if (packet->kind == PACKET_TRACKED || packet->kind == PACKET_REPLY)
		connection = lookup_conntrack(&key, evaluation.now);
	if (connection && is_tcp_syn(packet) &&
	    (connection->state == PODLANE_CLOSING || connection->initiator != sender))
		connection = NULL; /* a new connection that reuses the ports */
	return connection ? evaluate_established(&evaluation, &key, connection, sender, counted)
			  : evaluate_new(&evaluation, &key, sender, counted);
}

/*
 * Returns ACCEPT, or drop reason | rule number << 8. `how` is the direction | EVALUATE_COUNTED. Must only be called if
 * there is a rule set.
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
		return evaluate_fragment(&packet);
	if (packet.kind == PACKET_ICMP_ERROR &&
	    quotes_connection(skb, packet.family, packet.offset, owner, direction == PODLANE_INGRESS))
		return ACCEPT;
	int verdict = evaluate_packet(&packet, how & EVALUATE_COUNTED);
	if (verdict < 0 && packet.first_fragment)
		evaluate_fragment(&packet);
	return verdict;
}

#endif
