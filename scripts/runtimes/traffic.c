/*
 * traffic APP FOLDER [RATE]: an app of the lab in a container. Serves the lab's requests at TCP and UDP port 8080 and HTTP
 * at port 80, and is the client of those flows in FOLDER/flows that begin at APP. Static, so that an image needs nothing
 * else. FOLDER is shared by all apps:
 *   flows          TYPE FROM TO RATE REQUEST REPLY a line, as in server/lab/lab-flows.ts; sizes in bytes
 *   peers/APP      IPv4 address of an app; each app writes its own
 *   counts/APP     three u64 that go on over restarts: answered and failed requests, reconnects
 * Messages are those of server/lab/traffic/traffic-message.ts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <math.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	PORT = 8080,
	HTTP_PORT = 80,
	HEADER = 16,
	MAX_MESSAGE = 65536,
	MAX_FLOWS = 32,
	KEPT_CONNECTIONS = 3,
	SHORT_CONNECTIONS = 8,
	PENDING_DATAGRAMS = 512,
	BURST = 100,
	TICK_MS = 20,
	LATE_MS = 30,
	/* A time without CPU fails no request: answers have arrived meanwhile. */
	MAX_TICK_MS = 500,
	TIMEOUT_MS = 6000,
	RECONNECT_MS = 500,
};

#define LEAST_EASE 0.02

enum role { LISTENS, LISTENS_HTTP, SERVES, SERVES_HTTP, SERVES_UDP, ASKS, ASKS_UDP };
enum type { TCP, SHORT, UDP, BURSTS };

struct flow;
struct socket {
	enum role role;
	int fd; /* -1: closed */
	struct flow *flow;
	int open, pending, joined;
	uint32_t id;
	int64_t since;
	uint32_t held;
	struct socket *freed;
	uint8_t data[MAX_MESSAGE];
};

struct flow {
	enum type type;
	char to[32];
	double rate, due;
	uint32_t request, reply, next_id;
	int index, joined, count;
	struct in_addr address;
	struct socket *sockets[SHORT_CONNECTIONS];
	struct {
		uint32_t id;
		int64_t since;
	} datagrams[PENDING_DATAGRAMS]; /* by id; since 0: none */
};

struct counts {
	uint64_t ok, failed, reconnects;
};

static const char *app, *folder;
static double scale = 1;
/* Part of the load that is sent: small where this process has to wait for the CPU. */
static double ease = 0.05;
static struct flow flows[MAX_FLOWS];
static int flow_count, epoll;
static struct counts *counts;
static struct in_addr own;
/* Milliseconds in which this process could run; starts above 0. */
static int64_t now = 1;
static uint32_t crc_table[256];
static uint8_t noise[MAX_MESSAGE];
static struct socket *freed;

static void fail(const char *what)
{
	fprintf(stderr, "traffic %s: %s: %s\n", app ? app : "", what, strerror(errno));
	exit(1);
}

static int64_t clock_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void make_crc_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? 0xedb88320 ^ (c >> 1) : c >> 1;
		crc_table[i] = c;
	}
}

static uint32_t crc32(const uint8_t *data, uint32_t bytes)
{
	uint32_t c = ~0u;
	for (uint32_t i = 0; i < bytes; i++)
		c = crc_table[(c ^ data[i]) & 255] ^ (c >> 8);
	return ~c;
}

/* The machines of the lab are little-endian, as the messages. */
static uint32_t read32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, 4);
	return value;
}

static void write32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, 4);
}

static const uint8_t *encode(uint32_t id, uint32_t bytes, uint32_t reply)
{
	static uint8_t message[MAX_MESSAGE];
	memcpy(message + HEADER, noise + id % 64, bytes - HEADER);
	write32(message, bytes);
	write32(message + 8, id);
	write32(message + 12, reply);
	write32(message + 4, crc32(message + 8, bytes - 8));
	return message;
}

/* True for a whole message with the right checksum. */
static int is_message(const uint8_t *message, uint32_t bytes)
{
	if (bytes < HEADER || bytes > MAX_MESSAGE || read32(message) != bytes)
		return 0;
	uint32_t reply = read32(message + 12);
	return read32(message + 4) == crc32(message + 8, bytes - 8) && reply <= MAX_MESSAGE - 64 &&
	       (reply == 0 || reply >= HEADER);
}

static struct socket *add_socket(enum role role, int fd)
{
	struct socket *made = freed;
	if (made)
		freed = made->freed;
	else if (!(made = malloc(sizeof *made)))
		fail("no memory");
	memset(made, 0, offsetof(struct socket, data));
	made->role = role;
	made->fd = fd;
	if (fd >= 0) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = made };
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
			fail("epoll_ctl");
	}
	return made;
}

static void close_socket(struct socket *socket)
{
	if (socket->fd >= 0)
		close(socket->fd);
	socket->fd = -1;
	socket->open = 0;
	socket->held = 0;
}

/* Frees a server's socket. It stays readable memory: this round's events may still name it. */
static void free_socket(struct socket *socket)
{
	close_socket(socket);
	socket->freed = freed;
	freed = socket;
}

static void listen_at(enum role role, int type, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
		fail("bind");
	if (type == SOCK_STREAM && listen(fd, 128) < 0)
		fail("listen");
	add_socket(role, fd);
}

/* A message is smaller than a socket's buffer, and a connection has one pending: what does not fit is a failure. */
static int send_whole(int fd, const void *data, size_t bytes)
{
	return send(fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)bytes;
}

static void lose(struct socket *socket)
{
	if (socket->fd < 0)
		return;
	if (socket->flow->type == TCP ? socket->joined : socket->pending && socket->flow->joined)
		counts->failed++;
	socket->pending = 0;
	socket->since = now;
	close_socket(socket);
}

static void connect_to(struct socket *client)
{
	struct flow *flow = client->flow;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = flow->address };
	int datagrams = client->role == ASKS_UDP, one = 1;
	int fd = socket(AF_INET, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	client->since = now;
	client->held = 0;
	if (!datagrams)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
		close(fd);
		return;
	}
	client->fd = fd;
	client->open = datagrams;
	struct epoll_event event = { .events = datagrams ? EPOLLIN : EPOLLIN | EPOLLOUT, .data.ptr = client };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("epoll_ctl");
}

static int send_request(struct socket *client)
{
	struct flow *flow = client->flow;
	client->id = ++flow->next_id;
	client->pending = 1;
	client->since = now;
	if (send_whole(client->fd, encode(client->id, flow->request, flow->reply), flow->request))
		return 1;
	lose(client);
	return 0;
}

/* Sends one datagram. @return 0 when its place in the list of pending ones is taken */
static int send_datagram(struct socket *client)
{
	struct flow *flow = client->flow;
	uint32_t id = flow->next_id + 1, at = id % PENDING_DATAGRAMS;
	if (flow->datagrams[at].since)
		return 0;
	flow->next_id = id;
	flow->datagrams[at].id = id;
	flow->datagrams[at].since = now;
	if (send(client->fd, encode(id, flow->request, flow->reply), flow->request, MSG_NOSIGNAL) < 0) {
		flow->datagrams[at].since = 0;
		counts->failed += flow->joined;
	}
	return 1;
}

/* Sends the request of a flow that is due. @return 0 when it has to wait */
static int ask(struct flow *flow)
{
	for (int i = 0; i < flow->count; i++) {
		struct socket *client = flow->sockets[i];
		if (flow->type == UDP || flow->type == BURSTS) {
			if (client->fd < 0)
				connect_to(client);
			if (client->fd < 0)
				return 0;
			if (!flow->joined && now - client->since < RECONNECT_MS)
				return 0;
			client->since = now;
			for (int sent = flow->type == BURSTS && flow->joined ? BURST : 1; sent > 0; sent--)
				if (!send_datagram(client))
					return 0;
			return 1;
		}
		if (flow->type == TCP && client->open && !client->pending)
			return send_request(client);
		if (flow->type == SHORT && client->fd < 0 && (flow->joined || now - client->since >= RECONNECT_MS)) {
			client->pending = 1;
			connect_to(client);
			counts->failed += client->fd < 0 && flow->joined;
			return 1;
		}
	}
	return 0;
}

static void count_reply(struct flow *flow)
{
	if (flow->joined)
		counts->ok++;
	flow->joined = 1;
}

static void read_datagrams(struct socket *client)
{
	static uint8_t message[MAX_MESSAGE];
	ssize_t bytes;
	while ((bytes = recv(client->fd, message, sizeof message, MSG_DONTWAIT)) >= 0) {
		struct flow *flow = client->flow;
		uint32_t id = read32(message + 8), at = id % PENDING_DATAGRAMS;
		if (!is_message(message, bytes) || bytes != flow->reply || flow->datagrams[at].id != id ||
		    !flow->datagrams[at].since)
			continue;
		flow->datagrams[at].since = 0;
		count_reply(flow);
	}
}

static void serve_datagrams(struct socket *server)
{
	static uint8_t message[MAX_MESSAGE];
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	ssize_t bytes;
	while ((bytes = recvfrom(server->fd, message, sizeof message, MSG_DONTWAIT, (struct sockaddr *)&from, &size)) >= 0) {
		uint32_t reply = read32(message + 12);
		if (is_message(message, bytes) && reply > 0)
			sendto(server->fd, encode(read32(message + 8), reply, 0), reply, MSG_NOSIGNAL | MSG_DONTWAIT,
			       (struct sockaddr *)&from, size);
		size = sizeof from;
	}
}

/* Takes a message of a connection. @return 0 when the connection has to be closed */
static int take_message(struct socket *socket, uint32_t bytes)
{
	if (!is_message(socket->data, bytes))
		return 0;
	uint32_t id = read32(socket->data + 8), reply = read32(socket->data + 12);
	if (socket->role == SERVES)
		return reply > 0 && send_whole(socket->fd, encode(id, reply, 0), reply);
	if (!socket->pending || id != socket->id || bytes != socket->flow->reply)
		return 0;
	socket->pending = 0;
	socket->joined = 1;
	count_reply(socket->flow);
	return socket->flow->type == TCP;
}

/* Answers the HTTP requests without a body that a connection holds. @return 0 when it has to be closed */
static int take_http(struct socket *socket)
{
	char body[128], head[256], address[INET_ADDRSTRLEN], *end;
	while ((end = memmem(socket->data, socket->held, "\r\n\r\n", 4))) {
		uint32_t used = (uint8_t *)end + 4 - socket->data;
		inet_ntop(AF_INET, &own, address, sizeof address);
		int length = snprintf(body, sizeof body, "%s at %s\n", app, address);
		int size = snprintf(head, sizeof head,
				    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", length, body);
		if (!send_whole(socket->fd, head, size))
			return 0;
		memmove(socket->data, socket->data + used, socket->held - used);
		socket->held -= used;
	}
	return socket->held < 8192;
}

/* Reads a connection. @return 0 when it has ended or is broken */
static int read_stream(struct socket *socket)
{
	for (;;) {
		ssize_t bytes = recv(socket->fd, socket->data + socket->held, sizeof socket->data - socket->held, MSG_DONTWAIT);
		if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
			return 1;
		if (bytes <= 0)
			return 0;
		socket->held += bytes;
		if (socket->role == SERVES_HTTP) {
			if (!take_http(socket))
				return 0;
			continue;
		}
		while (socket->held >= 4) {
			uint32_t size = read32(socket->data);
			if (size < HEADER || size > MAX_MESSAGE)
				return 0;
			if (socket->held < size)
				break;
			if (!take_message(socket, size))
				return 0;
			memmove(socket->data, socket->data + size, socket->held - size);
			socket->held -= size;
		}
	}
}

static void accept_all(struct socket *listener)
{
	int fd, one = 1;
	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		add_socket(listener->role == LISTENS ? SERVES : SERVES_HTTP, fd);
	}
}

/* A client's connection is established, or not. @return 0 when it is broken */
static int establish(struct socket *client)
{
	int error = 0;
	socklen_t size = sizeof error;
	if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error)
		return 0;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event);
	client->open = 1;
	if (client->flow->type == SHORT)
		return send_request(client);
	if (client->joined)
		counts->reconnects++;
	return 1;
}

static void handle(struct socket *socket, uint32_t events)
{
	if (socket->fd < 0)
		return;
	switch (socket->role) {
	case LISTENS:
	case LISTENS_HTTP:
		return accept_all(socket);
	case SERVES_UDP:
		return serve_datagrams(socket);
	case ASKS_UDP:
		return read_datagrams(socket);
	case SERVES:
	case SERVES_HTTP:
		if (!read_stream(socket))
			free_socket(socket);
		return;
	case ASKS:
		if (!socket->open && !establish(socket))
			return lose(socket);
		if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !read_stream(socket)) {
			/* A connection for one request ends with its answer. */
			if (socket->flow->type == SHORT && !socket->pending)
				close_socket(socket);
			else
				lose(socket);
		}
	}
}

/* Looks up where a flow's server is, and leaves connections to another address. */
static void find_peer(struct flow *flow)
{
	char path[256], text[64] = "";
	struct in_addr address;
	snprintf(path, sizeof path, "%s/peers/%s", folder, flow->to);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t bytes = read(fd, text, sizeof text - 1);
	close(fd);
	if (bytes <= 0)
		return;
	text[strcspn(text, "\n")] = 0;
	if (inet_pton(AF_INET, text, &address) != 1 || address.s_addr == flow->address.s_addr)
		return;
	for (int i = 0; i < flow->count; i++) {
		lose(flow->sockets[i]);
		flow->sockets[i]->since = now - RECONNECT_MS;
	}
	flow->address = address;
}

/* Fails what is overdue, opens what is broken, and sends what is due. */
static void pace(struct flow *flow, int64_t passed, double seconds)
{
	if (!flow->address.s_addr)
		return;
	for (int i = 0; i < flow->count; i++) {
		struct socket *client = flow->sockets[i];
		if (client->role != ASKS)
			continue;
		if (client->fd >= 0 && (client->pending || !client->open) && now - client->since > TIMEOUT_MS)
			lose(client);
		if (flow->type == TCP && client->fd < 0 && now - client->since >= RECONNECT_MS)
			connect_to(client);
	}
	for (int i = 0; i < PENDING_DATAGRAMS && (flow->type == UDP || flow->type == BURSTS); i++)
		if (flow->datagrams[i].since && now - flow->datagrams[i].since > TIMEOUT_MS) {
			flow->datagrams[i].since = 0;
			counts->failed += flow->joined;
		}
	/* The waves of computeLabFlowLoadFactor. */
	double wave = 1 + 0.3 * sin(2 * M_PI * seconds / (40 + flow->index * 17 % 50) + flow->index) +
		      0.15 * sin(seconds / 3 + 2 * flow->index);
	flow->due += flow->rate * scale * ease * wave * passed / 1000;
	double most = flow->type == BURSTS ? 1 : 4;
	if (flow->due > most)
		flow->due = most;
	if (!flow->joined)
		flow->due = 1;
	while (flow->due >= 1 && ask(flow))
		flow->due--;
}

static void read_flows(void)
{
	char path[256], type[16], from[32];
	snprintf(path, sizeof path, "%s/flows", folder);
	FILE *file = fopen(path, "re");
	if (!file)
		fail(path);
	struct flow flow = { 0 };
	for (int index = 0;
	     fscanf(file, "%15s %31s %31s %lf %u %u", type, from, flow.to, &flow.rate, &flow.request, &flow.reply) == 6;
	     index++) {
		if (strcmp(from, app) || flow_count == MAX_FLOWS)
			continue;
		flow.index = index;
		flow.type = !strcmp(type, "tcp") ? TCP : !strcmp(type, "short") ? SHORT : !strcmp(type, "udp") ? UDP : BURSTS;
		flow.count = flow.type == TCP ? KEPT_CONNECTIONS : flow.type == SHORT ? SHORT_CONNECTIONS : 1;
		if (flow.request < HEADER || flow.reply < HEADER || flow.request > 32768 || flow.reply > 32768) {
			errno = ERANGE;
			fail("size of a message");
		}
		struct flow *added = &flows[flow_count++];
		*added = flow;
		for (int i = 0; i < flow.count; i++) {
			added->sockets[i] = add_socket(flow.type == TCP || flow.type == SHORT ? ASKS : ASKS_UDP, -1);
			added->sockets[i]->flow = added;
			added->sockets[i]->since = now - RECONNECT_MS;
		}
	}
	fclose(file);
}

/* Waits for an address other than loopback's, and tells the other apps of it. */
static void announce(void)
{
	char path[256], made[256], text[INET_ADDRSTRLEN];
	while (!own.s_addr) {
		struct ifaddrs *all, *each;
		if (getifaddrs(&all) < 0)
			fail("getifaddrs");
		for (each = all; each && !own.s_addr; each = each->ifa_next)
			if (each->ifa_addr && each->ifa_addr->sa_family == AF_INET) {
				struct in_addr address = ((struct sockaddr_in *)each->ifa_addr)->sin_addr;
				if (ntohl(address.s_addr) >> 24 != 127)
					own = address;
			}
		freeifaddrs(all);
		if (!own.s_addr)
			usleep(50000);
	}
	snprintf(path, sizeof path, "%s/peers/%s", folder, app);
	snprintf(made, sizeof made, "%s/peers/.%s", folder, app);
	FILE *file = fopen(made, "we");
	if (!file)
		fail(made);
	fprintf(file, "%s\n", inet_ntop(AF_INET, &own, text, sizeof text));
	fclose(file);
	if (rename(made, path) < 0)
		fail(path);
}

static void open_counts(void)
{
	char path[256];
	snprintf(path, sizeof path, "%s/counts/%s", folder, app);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, sizeof *counts) < 0)
		fail(path);
	counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		fail(path);
	close(fd);
}

static void end(int signal)
{
	_exit(signal == SIGTERM ? 0 : 1);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "Usage: traffic APP FOLDER [RATE]\n");
		return 2;
	}
	app = argv[1];
	folder = argv[2];
	if (argc > 3)
		scale = atof(argv[3]);
	/* The first process of a container gets no signal that it does not handle. */
	signal(SIGTERM, end);
	signal(SIGINT, end);
	make_crc_table();
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = i * 167 + (i >> 8);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	open_counts();
	read_flows();
	announce();
	listen_at(LISTENS, SOCK_STREAM, PORT);
	listen_at(SERVES_UDP, SOCK_DGRAM, PORT);
	listen_at(LISTENS_HTTP, SOCK_STREAM, HTTP_PORT);

	int64_t started = clock_ms(), last = started, looked = 0;
	for (;;) {
		struct epoll_event events[64];
		int64_t time = clock_ms(), passed = time - last;
		int count = epoll_wait(epoll, events, 64, passed >= TICK_MS ? 0 : TICK_MS - passed);
		for (int i = 0; i < count; i++)
			handle(events[i].data.ptr, events[i].events);
		passed = clock_ms() - last;
		if (passed < TICK_MS)
			continue;
		last += passed;
		ease = passed > LATE_MS ? ease * 0.8 : ease + 0.01;
		ease = ease < LEAST_EASE ? LEAST_EASE : ease > 1 ? 1 : ease;
		now += passed > MAX_TICK_MS ? MAX_TICK_MS : passed;
		if (last - looked >= RECONNECT_MS) {
			looked = last;
			for (int i = 0; i < flow_count; i++)
				find_peer(&flows[i]);
		}
		for (int i = 0; i < flow_count; i++)
			pace(&flows[i], passed > MAX_TICK_MS ? MAX_TICK_MS : passed, (last - started) / 1000.0);
	}
}
