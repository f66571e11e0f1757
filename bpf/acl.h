/* SPDX-License-Identifier: GPL-2.0 */
/* Judges packets by the active rule set and, beside it, by the draft; remembers the connections that passed. */
#ifndef PODLANE_JUDGE_H
#define PODLANE_JUDGE_H

#include "policy.h"
#include "verdict-events.h"

/* How a packet is judged: the direction, and whether this is the place that counts. */
#define JUDGE_COUNTED 2

/* Fragments of one packet arrive within this time (RFC 8200 4.5), s. */
#define FRAGMENT_SECONDS 60

struct judging {
	struct packet *packet;
	struct question question;
	__u32 generation[2]; /* by set, read once; 0: there is none */
	__u32 now;           /* s */
};

static __always_inline __u32 seconds(void)
{
	return bpf_ktime_get_coarse_ns() / 1000000000;
}

static __always_inline __u64 ask_set(struct judging *judging, __u32 set)
{
	__u32 generation = judging->generation[set];

	if (!generation)
		return PODLANE_ALLOW;
	return set == PODLANE_ACTIVE ? ask_active(&judging->question, generation)
				     : ask_draft(&judging->question, generation);
}

static __always_inline void tell_of(struct judging *judging, __u32 told, __u32 set, __u16 rule)
{
	struct podlane_verdict *verdict = &judging->packet->verdict;

	verdict->told = told;
	verdict->reason = told == PODLANE_DROPPED ? PODLANE_DENIED : 0;
	verdict->set = set;
	verdict->generation = judging->generation[set & 1];
	verdict->rule = rule;
	tell(verdict);
}

static __always_inline __u32 timeout_of(__u8 protocol, __u8 state)
{
	__u32 kind = protocol == IPPROTO_TCP   ? PODLANE_TCP
		     : protocol == IPPROTO_UDP ? PODLANE_UDP
		     : protocol == IPPROTO_ICMP || protocol == PROTOCOL_ICMPV6 ? PODLANE_ICMP
									       : PODLANE_OTHER;

	/* One number below 16, which the compiler would else check in a copy. */
	__u32 place = kind * 4 + state;
	asm volatile("" : "+r"(place));
	return settings.timeouts[place & 15];
}

/* The key of a packet's connection; `packet` may be a quoted one, which went the other way. */
static __always_inline void key_of(struct podlane_connection_key *key, __u32 owner, const struct packet *packet,
				   int towards_pod)
{
	key->owner = owner;
	key->protocol = packet->verdict.tuple.protocol;
	__builtin_memcpy(key->peer, towards_pod ? packet->verdict.tuple.source : packet->verdict.tuple.destination,
			 sizeof(key->peer));
	key->pod_port = towards_pod ? packet->receiver : packet->sender;
	key->peer_port = towards_pod ? packet->sender : packet->receiver;
}

/* Asks what the one that began the connection may; `key` as above. */
static __always_inline __u64 ask_begun(struct judging *judging, const struct podlane_connection_key *key,
				       __u8 begun_by, __u32 set)
{
	__u16 port = begun_by == PODLANE_BEGUN_BY_PEER ? key->pod_port : key->peer_port;
	__u32 protocol = judging->packet->verdict.tuple.protocol;

	judging->question.direction = begun_by == PODLANE_BEGUN_BY_PEER ? PODLANE_INGRESS : PODLANE_EGRESS;
	judging->question.place = place_of(judging->packet->family, protocol, port);
	return ask_set(judging, set);
}

static __always_inline int is_tcp(const struct judging *judging)
{
	return judging->packet->verdict.tuple.protocol == IPPROTO_TCP;
}

static __always_inline int is_opening(const struct judging *judging)
{
	return is_tcp(judging) && (judging->packet->verdict.tuple.tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

#define DROP(reason, rule) ((reason) | (__u32)(rule) << 8)

/* A packet of a connection that passed: what is new about it. ACCEPT or DROP. */
static __always_inline int go_on(struct judging *judging, const struct podlane_connection_key *key,
				 struct podlane_connection *connection, __u8 from, __u32 counted)
{
	__u8 flags = judging->packet->verdict.tuple.tcp_flags;

	if (judging->generation[PODLANE_ACTIVE] != connection->generation) {
		__u64 answer = ask_begun(judging, key, connection->begun_by, PODLANE_ACTIVE);
		if (DENIES(answer)) {
			bpf_map_delete_elem(&connections, key);
			tell_of(judging, PODLANE_DROPPED, PODLANE_ACTIVE, RULE_OF(answer));
			return DROP(PODLANE_DENIED, RULE_OF(answer));
		}
		connection->rule = RULE_OF(answer);
		connection->generation = judging->generation[PODLANE_ACTIVE];
		if (LOG_OF(answer) && counted)
			tell_of(judging, PODLANE_LOGGED, PODLANE_ACTIVE, LOG_OF(answer));
	}
	if (judging->generation[PODLANE_DRAFT] != connection->draft_generation) {
		__u64 answer = ask_begun(judging, key, connection->begun_by, PODLANE_DRAFT);
		connection->draft_denies = DENIES(answer);
		connection->draft_rule = RULE_OF(answer);
		connection->draft_generation = judging->generation[PODLANE_DRAFT];
	}
	if (connection->draft_denies && counted)
		tell_of(judging, PODLANE_WOULD_DROP, PODLANE_DRAFT, connection->draft_rule);

	__u8 state = connection->state;
	if (state == PODLANE_UNREPLIED && from != connection->begun_by)
		state = PODLANE_REPLIED;
	if (is_tcp(judging) && flags & (TCP_FIN | TCP_RST))
		state = PODLANE_CLOSING;
	__u32 expires = judging->now + timeout_of(key->protocol, state);
	/* Once a second: a line that other CPUs read. */
	if (state != connection->state || expires != connection->expires) {
		connection->state = state;
		connection->expires = expires;
	}
	return ACCEPT;
}

/* A packet that is of no connection. ACCEPT or DROP. */
static __always_inline int begin(struct judging *judging, const struct podlane_connection_key *key, __u8 from,
				 __u32 counted)
{
	struct podlane_tuple *tuple = &judging->packet->verdict.tuple;
	struct podlane_connection connection = { .begun_by = from };
	__u64 answer[2];

	/* In the middle of a connection nobody knows: either side may have begun it. */
	int middle = is_tcp(judging) && !is_opening(judging);
	__u16 port = is_icmp(judging->packet) ? tuple->icmp_type << 8 | tuple->icmp_code : tuple->destination_port;
	for (int set = PODLANE_ACTIVE; set <= PODLANE_DRAFT; set++) {
		judging->question.direction = from == PODLANE_BEGUN_BY_PEER ? PODLANE_INGRESS : PODLANE_EGRESS;
		judging->question.place = place_of(judging->packet->family, tuple->protocol, port);
		answer[set] = ask_set(judging, set);
		if (!DENIES(answer[set]) || !middle)
			continue;
		__u64 other = ask_begun(judging, key, !from, set);
		if (DENIES(other))
			continue;
		answer[set] = other;
		if (set == PODLANE_ACTIVE)
			connection.begun_by = !from;
	}
	__u32 denied = DENIES(answer[PODLANE_ACTIVE]);
	if (LOG_OF(answer[PODLANE_ACTIVE]) && counted)
		tell_of(judging, PODLANE_LOGGED, PODLANE_ACTIVE, LOG_OF(answer[PODLANE_ACTIVE]));
	if (LOG_OF(answer[PODLANE_DRAFT]) && counted)
		tell_of(judging, PODLANE_LOGGED, PODLANE_DRAFT, LOG_OF(answer[PODLANE_DRAFT]));
	if (judging->generation[PODLANE_DRAFT] && DENIES(answer[PODLANE_DRAFT]) != denied && (counted || denied))
		tell_of(judging, denied ? PODLANE_WOULD_PASS : PODLANE_WOULD_DROP, PODLANE_DRAFT,
			RULE_OF(answer[PODLANE_DRAFT]));
	if (denied) {
		tell_of(judging, PODLANE_DROPPED, PODLANE_ACTIVE, RULE_OF(answer[PODLANE_ACTIVE]));
		return DROP(PODLANE_DENIED, RULE_OF(answer[PODLANE_ACTIVE]));
	}
	if (judging->packet->kind != TRACKED)
		return ACCEPT;
	connection.generation = judging->generation[PODLANE_ACTIVE];
	connection.draft_generation = judging->generation[PODLANE_DRAFT];
	connection.rule = RULE_OF(answer[PODLANE_ACTIVE]);
	connection.draft_rule = RULE_OF(answer[PODLANE_DRAFT]);
	connection.draft_denies = DENIES(answer[PODLANE_DRAFT]);
	if (from != connection.begun_by || (is_tcp(judging) && tuple->tcp_flags & TCP_ACK))
		connection.state = PODLANE_REPLIED;
	if (is_tcp(judging) && tuple->tcp_flags & (TCP_FIN | TCP_RST))
		connection.state = PODLANE_CLOSING;
	connection.expires = judging->now + timeout_of(tuple->protocol, connection.state);
	bpf_map_update_elem(&connections, key, &connection, BPF_ANY);
	return ACCEPT;
}

static __always_inline struct podlane_connection *live(const struct podlane_connection_key *key, __u32 now)
{
	struct podlane_connection *connection = bpf_map_lookup_elem(&connections, key);

	return connection && (__s32)(connection->expires - now) > 0 ? connection : NULL;
}

/* Whether an ICMP error quotes a packet of a connection, which went the other way. */
__noinline int quotes_known(struct __sk_buff *skb, __u32 family, __u32 offset, __u32 owner, __u32 towards_pod)
{
	struct packet quoted = { .family = family, .offset = offset };
	struct podlane_connection_key key = {};

	if (!read_quoted(skb, &quoted))
		return 0;
	key_of(&key, owner, &quoted, !towards_pod);
	return live(&key, seconds()) != NULL;
}

static __always_inline void fragments_of(struct podlane_fragments *key, const struct judging *judging)
{
	const struct packet *packet = judging->packet;

	key->owner = judging->question.owner;
	__builtin_memcpy(key->source, packet->verdict.tuple.source, sizeof(key->source));
	__builtin_memcpy(key->destination, packet->verdict.tuple.destination, sizeof(key->destination));
	key->id = packet->fragment_id;
	/* Of IPv6, a later fragment may tell another next header than the first one (RFC 8200 4.5). */
	key->protocol = packet->family == 4 ? packet->verdict.tuple.protocol : 0;
}

/* A later fragment goes as its first one went. */
static __always_inline int judge_later(struct judging *judging)
{
	struct podlane_verdict *verdict = &judging->packet->verdict;
	struct podlane_fragments key = {};

	fragments_of(&key, judging);
	__u32 *expires = bpf_map_lookup_elem(&fragments, &key);
	if ((expires && (__s32)(*expires - judging->now) > 0) || !judging->generation[PODLANE_ACTIVE])
		return ACCEPT;
	verdict->generation = judging->generation[PODLANE_ACTIVE];
	verdict->reason = PODLANE_FRAGMENT;
	tell(verdict);
	return DROP(PODLANE_FRAGMENT, 0);
}

static __always_inline void remember_first(struct judging *judging)
{
	struct podlane_fragments key = {};
	__u32 expires = judging->now + FRAGMENT_SECONDS;

	fragments_of(&key, judging);
	bpf_map_update_elem(&fragments, &key, &expires, BPF_ANY);
}

static __always_inline void judge_by(struct judging *judging, struct packet *packet)
{
	__u32 flags = settings.flags;

	judging->packet = packet;
	judging->generation[PODLANE_ACTIVE] = flags & PODLANE_RULES ? settings.generation[PODLANE_ACTIVE] : 0;
	judging->generation[PODLANE_DRAFT] = flags & PODLANE_TRY_OUT ? settings.generation[PODLANE_DRAFT] : 0;
	judging->now = seconds();
	judging->question.owner = packet->verdict.owner;
}

__noinline int judge_fragment(struct packet *packet)
{
	struct judging judging = {};

	if (!packet)
		return ACCEPT;
	judge_by(&judging, packet);
	if (packet->kind == LATER)
		return judge_later(&judging);
	remember_first(&judging);
	return ACCEPT;
}

/* Of a packet that may begin a connection, or belong to one. As judge(). */
__noinline int judge_packet(struct packet *packet, __u32 counted)
{
	struct podlane_connection_key key = {};
	struct judging judging = {};

	if (!packet)
		return ACCEPT;
	int towards_pod = packet->verdict.direction == PODLANE_INGRESS;
	__u8 from = towards_pod ? PODLANE_BEGUN_BY_PEER : PODLANE_BEGUN_BY_POD;
	judge_by(&judging, packet);
	judging.question.counted = counted;
	key_of(&key, packet->verdict.owner, packet, towards_pod);
	__builtin_memcpy(judging.question.peer, key.peer, sizeof(key.peer));
	struct podlane_connection *connection = NULL;
	if (packet->kind == TRACKED || packet->kind == ANSWER)
		connection = live(&key, judging.now);
	if (connection && is_opening(&judging) &&
	    (connection->state == PODLANE_CLOSING || connection->begun_by != from))
		connection = NULL; /* the same ports again */
	return connection ? go_on(&judging, &key, connection, from, counted)
			  : begin(&judging, &key, from, counted);
}

/*
 * ACCEPT, or the reason to drop | the number of the rule << 8. `how`: the direction | JUDGE_COUNTED. To be asked only
 * where there is a set of rules.
 */
__noinline int judge(struct __sk_buff *skb, __u32 slot, __u32 owner, __u32 how)
{
	struct packet packet = {};
	__u32 direction = how & 1;

	if (read_packet(skb, &packet) >= 0)
		return settings.flags & PODLANE_RULES ? PODLANE_MALFORMED : ACCEPT;
	if (packet.kind == EXEMPT)
		return ACCEPT;
	begin_verdict(&packet.verdict, skb, slot, owner, direction);
	if (packet.kind == LATER)
		return judge_fragment(&packet);
	if (packet.kind == ERROR && quotes_known(skb, packet.family, packet.offset, owner, direction == PODLANE_INGRESS))
		return ACCEPT;
	int verdict = judge_packet(&packet, how & JUDGE_COUNTED);
	if (verdict < 0 && packet.first)
		judge_fragment(&packet);
	return verdict;
}

#endif
