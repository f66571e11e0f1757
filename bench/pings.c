// Pings on time, so that a gap between replies is the path's and not the pinger's.
//
//   pings ADDRESS COUNT INTERVAL_MS    PRIORITY=N in the environment: SCHED_FIFO
//
// Prints a line for each request: when it was sent and when its reply reached this host's socket by the kernel's own
// time stamp, both in ms since the epoch; 0 for a reply that did not come within 5 s of the last request.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

struct echo {
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint32_t number;
} __attribute__((packed));

static double *sent, *arrived;
static uint32_t count, replies;
static int six, fd;
static uint16_t id;

static int check(int answer, const char *tried)
{
	if (answer < 0) {
		perror(tried);
		exit(1);
	}
	return answer;
}

static double milliseconds(struct timespec t) { return t.tv_sec * 1e3 + t.tv_nsec / 1e6; }

static double now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return milliseconds(t);
}

static void open_socket(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	int on = 1, room = 16 << 20;
	struct icmp_filter only = { ~(1u << ICMP_ECHOREPLY) };
	struct icmp6_filter only6;

	six = strchr(text, ':') != NULL;
	if (inet_pton(six ? AF_INET6 : AF_INET, text, six ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1)
		exit(2);
	fd = check(socket(six ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK, six ? (int)IPPROTO_ICMPV6 : IPPROTO_ICMP),
		   "socket");
	check(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), "SO_TIMESTAMPNS");
	check(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), "SO_RCVBUFFORCE");
	ICMP6_FILTER_SETBLOCKALL(&only6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only6);
	check(six ? setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &only6, sizeof(only6)) :
		    setsockopt(fd, SOL_RAW, ICMP_FILTER, &only, sizeof(only)),
	      "ICMP filter");
	check(connect(fd, six ? (void *)&v6 : (void *)&v4, six ? sizeof(v6) : sizeof(v4)), "connect");
}

/* RFC 1071. The kernel fills in ICMPv6's. */
static uint16_t checksum(const struct echo *echo)
{
	uint16_t words[sizeof(*echo) / 2];
	uint32_t sum = 0;

	memcpy(words, echo, sizeof(*echo));
	for (unsigned i = 0; i < sizeof(words) / 2; i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return ~(sum + (sum >> 16));
}

static void request(uint32_t number)
{
	struct echo echo = { .type = six ? ICMP6_ECHO_REQUEST : ICMP_ECHO, .id = id, .sequence = htons(number), .number = number };

	if (!six)
		echo.checksum = checksum(&echo);
	sent[number] = now(CLOCK_REALTIME);
	/* Refused is lost: the reply does not come. */
	if (send(fd, &echo, sizeof(echo), 0) < 0 && errno == EPERM)
		check(-1, "send");
}

static void receive(void)
{
	char packet[256], control[256];
	struct iovec vector = { packet, sizeof(packet) };
	struct echo echo;

	for (;;) {
		struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
					  .msg_controllen = sizeof(control) };
		int length = recvmsg(fd, &message, 0);
		if (length < 0 && errno == EAGAIN)
			return;
		if (length < 0)
			continue;
		int header = six ? 0 : (packet[0] & 15) * 4;
		if (length < header + (int)sizeof(echo))
			continue;
		memcpy(&echo, packet + header, sizeof(echo));
		struct cmsghdr *stamp = CMSG_FIRSTHDR(&message);
		if (echo.type != (six ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) || echo.id != id || echo.number >= count ||
		    arrived[echo.number] || !stamp)
			continue;
		struct timespec t;
		memcpy(&t, CMSG_DATA(stamp), sizeof(t));
		arrived[echo.number] = milliseconds(t);
		replies++;
	}
}

/* What this socket had no room for is the pinger's loss and not the path's. */
static void refuse_own_drops(void)
{
	uint32_t memory[9] = { 0 }; /* SK_MEMINFO_DROPS (linux/sock_diag.h) is the last */
	socklen_t length = sizeof(memory);

	check(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length), "SO_MEMINFO");
	if (memory[8]) {
		fprintf(stderr, "pings: its own socket dropped %u packets\n", memory[8]);
		exit(1);
	}
}

static void wait_until(double due)
{
	for (;;) {
		double left = due - now(CLOCK_MONOTONIC);
		if (left <= 0)
			return;
		struct timespec patience = { left / 1e3, ((long)(left * 1e6)) % 1000000000 };
		struct pollfd readable = { fd, POLLIN, 0 };
		if (ppoll(&readable, 1, &patience, NULL) > 0)
			receive();
		if (replies == count)
			return;
	}
}

int main(int words, char **word)
{
	const char *priority = getenv("PRIORITY");

	if (words != 4)
		return 2;
	if (priority) {
		struct sched_param param = { .sched_priority = atoi(priority) };
		check(sched_setscheduler(0, SCHED_FIFO, &param), "sched_setscheduler");
	}
	count = atoi(word[2]);
	double interval = atof(word[3]);
	id = getpid();
	sent = calloc(count, sizeof(*sent));
	arrived = calloc(count, sizeof(*arrived));
	open_socket(word[1]);
	double start = now(CLOCK_MONOTONIC);
	for (uint32_t number = 0; number < count; number++) {
		wait_until(start + number * interval);
		receive(); /* when late, too */
		request(number);
	}
	wait_until(now(CLOCK_MONOTONIC) + PATIENCE_MS);
	refuse_own_drops();
	for (uint32_t number = 0; number < count; number++)
		printf("%.3f %.3f\n", sent[number], arrived[number]);
	return 0;
}
