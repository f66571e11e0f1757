// Traffic between two pods, made by the least program there can be, so that the path's cost is not drowned by ours.
//
//   traffic serve                    echoes requests and swallows streams over TCP, counts datagrams; says "ready"
//   traffic requests|udp|stream ADDRESS
//
// A client goes for as many milliseconds as each line on standard input says, and answers with a line of
//   AMOUNT SECONDS CPU_SECONDS ARRIVED SETTLED_SECONDS RETRANSMITS
// Amount and arrived: requests, datagrams or bytes; settled is when the last has arrived; segments sent again (TCP). CPU_SECONDS is what this thread used, interrupts on it included:
// over veth and netkit that is the whole way of a datagram to the receiver's socket.
// CPU=N in the environment pins the process, PRIORITY=N gives it that real-time priority (SCHED_FIFO).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_PORT = 7001, STREAM_PORT = 7002, UDP_PORT = 7003, BATCH = 32, DATAGRAM = 64, QUESTION = 1 };

static char buffer[1 << 16];

static long check(long answer, const char *tried)
{
	if (answer < 0) {
		perror(tried);
		exit(1);
	}
	return answer;
}

static double clock_seconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double now(void) { return clock_seconds(CLOCK_MONOTONIC); }

static void place_process(void)
{
	const char *cpu = getenv("CPU"), *priority = getenv("PRIORITY");
	if (cpu) {
		cpu_set_t set;
		CPU_ZERO(&set);
		CPU_SET(atoi(cpu), &set);
		check(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
	}
	if (priority) {
		struct sched_param param = { .sched_priority = atoi(priority) };
		check(sched_setscheduler(0, SCHED_FIFO, &param), "sched_setscheduler");
	}
}

static int open_socket(int type, int port, const char *to)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = check(socket(AF_INET6, type, 0), "socket"), on = 1, off = 0;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!to) {
		check(bind(fd, (void *)&address, sizeof(address)), "bind");
		return fd;
	}
	char mapped[64];
	snprintf(mapped, sizeof(mapped), strchr(to, ':') ? "%s" : "::ffff:%s", to);
	if (inet_pton(AF_INET6, mapped, &address.sin6_addr) != 1)
		exit(2);
	check(connect(fd, (void *)&address, sizeof(address)), "connect");
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void serve_tcp(int port)
{
	int listening = open_socket(SOCK_STREAM, port, NULL), on = 1;
	check(listen(listening, 8), "listen");
	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = check(accept(listening, NULL, NULL), "accept");
		if (fork()) {
			close(fd);
			continue;
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		for (ssize_t length; (length = read(fd, buffer, sizeof(buffer))) > 0;)
			if (port == REQUEST_PORT && write(fd, buffer, length) != length)
				break;
		exit(0);
	}
}

/* Datagrams of one byte ask how many others came since the last question. */
static void serve_udp(int fd)
{
	static char data[BATCH][2048];
	static struct sockaddr_in6 from[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	uint64_t count = 0;

	for (int i = 0; i < BATCH; i++)
		vectors[i] = (struct iovec){ data[i], sizeof(data[i]) };
	for (;;) {
		for (int i = 0; i < BATCH; i++)
			messages[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof(from[i]),
							       .msg_iov = &vectors[i], .msg_iovlen = 1 };
		int got = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < got; i++) {
			if (messages[i].msg_len != QUESTION) {
				count++;
				continue;
			}
			sendto(fd, &count, sizeof(count), 0, (void *)&from[i], sizeof(from[i]));
			count = 0;
		}
	}
}

static uint64_t ask_count(int fd)
{
	uint64_t count;
	for (int tries = 0; tries < 50; tries++) {
		send(fd, buffer, QUESTION, 0);
		if (recv(fd, &count, sizeof(count), 0) == sizeof(count))
			return count;
	}
	fprintf(stderr, "no answer from the receiver\n");
	exit(1);
}

static uint64_t settle_stream(int fd, uint64_t sent)
{
	struct timespec pause = { .tv_nsec = 20000 };
	int unacknowledged;

	while (!ioctl(fd, SIOCOUTQ, &unacknowledged) && unacknowledged)
		nanosleep(&pause, NULL);
	return sent;
}

/* Since the connection was made; 0 of a socket that is not TCP's. */
static unsigned retransmits(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	return info.tcpi_total_retrans;
}

static uint64_t go_requests(int fd, double until)
{
	uint64_t done = 0;
	do {
		check(write(fd, buffer, 1), "write");
		if (read(fd, buffer, sizeof(buffer)) != 1)
			exit(1);
		done++;
	} while (now() < until);
	return done;
}

static uint64_t go_udp(int fd, double until)
{
	struct iovec vector = { buffer, DATAGRAM };
	struct mmsghdr messages[BATCH];
	uint64_t sent = 0;

	for (int i = 0; i < BATCH; i++)
		messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &vector, .msg_iovlen = 1 } };
	do {
		int some = sendmmsg(fd, messages, BATCH, 0);
		if (some > 0)
			sent += some;
		else if (errno != ENOBUFS)
			check(some, "sendmmsg");
	} while (now() < until);
	return sent;
}

static uint64_t go_stream(int fd, double until)
{
	uint64_t sent = 0;
	do
		sent += check(write(fd, buffer, sizeof(buffer)), "write");
	while (now() < until);
	return sent;
}

int main(int count, char **words)
{
	const char *what = count > 1 ? words[1] : "";
	int requests = !strcmp(what, "requests"), udp = !strcmp(what, "udp"), fd;
	double milliseconds;

	signal(SIGPIPE, SIG_IGN);
	place_process();
	if (!strcmp(what, "serve")) {
		int size = 8 << 20;
		fd = open_socket(SOCK_DGRAM, UDP_PORT, NULL);
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
		serve_tcp(REQUEST_PORT);
		serve_tcp(STREAM_PORT);
		puts("ready");
		fflush(stdout);
		serve_udp(fd);
	}
	if (count != 3 || (!requests && !udp && strcmp(what, "stream")))
		return 2;
	fd = open_socket(udp ? SOCK_DGRAM : SOCK_STREAM, requests ? REQUEST_PORT : udp ? UDP_PORT : STREAM_PORT, words[2]);
	struct timeval patience = { .tv_usec = 100000 };
	if (udp)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (scanf("%lf", &milliseconds) == 1) {
		if (udp)
			ask_count(fd);
		unsigned again = retransmits(fd);
		double start = now(), cpu = clock_seconds(CLOCK_THREAD_CPUTIME_ID), until = start + milliseconds / 1e3;
		uint64_t amount = requests ? go_requests(fd, until) : udp ? go_udp(fd, until) : go_stream(fd, until);
		double seconds = now() - start;
		cpu = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
		uint64_t arrived = udp ? ask_count(fd) : settle_stream(fd, amount);
		printf("%llu %.9f %.9f %llu %.9f %u\n", (unsigned long long)amount, seconds, cpu,
		       (unsigned long long)arrived, now() - start, retransmits(fd) - again);
		fflush(stdout);
	}
	return 0;
}
