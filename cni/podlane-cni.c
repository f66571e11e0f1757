// The CNI plugin `podlane`: hands its call over to the node's agent and prints the answer. It knows nothing else: every
// decision is the agent's. A call is its CNI_* variables, each ended by NUL, an empty one, and the configuration as it was
// given; the answer's HTTP status says whether the call succeeded.
//
// While no agent answers, ADD, CHECK and GC wait for a bounded time and end with code 11 (try again later), STATUS ends with
// code 50 (not available), and DEL leaves its call in a folder that the next agent reads, and succeeds.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef PODLANE_VERSION
#define PODLANE_VERSION "unknown"
#endif
#define DEFAULT_SOCKET "/run/podlane/cni.sock"
/// Limit of a configuration, of all variables together, and of an answer, in bytes.
#define MAX_CONFIG (1 << 20)
#define MAX_CALL (MAX_CONFIG + (1 << 18))
#define MAX_ANSWER (1 << 20)
/// How long a call waits for an agent that is not there, and for the answer of one that is, in milliseconds.
#define WAIT_MS 10000
#define ANSWER_MS 60000
#define PAUSE_MS 20

/// Error codes of the CNI specification.
enum { BAD_ENVIRONMENT = 4, IO_FAILURE = 5, TRY_AGAIN = 11, NOT_AVAILABLE = 50 };

static char config[MAX_CONFIG + 1], call[MAX_CALL], answer[MAX_ANSWER + 1];
static size_t config_length, call_length;

/// Prints text as the inside of a JSON string.
static void print_escaped(const char *text) {
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') printf("\\%c", c);
    else if (c < 0x20) printf("\\u%04x", c);
    else putchar(c);
  }
}

/// Advances over a string that begins at `at`. Returns the offset after its closing quote, or 0 if it has none.
static size_t skip_string(size_t at) {
  for (at++; at < config_length; at++) {
    if (config[at] == '\\') at++;
    else if (config[at] == '"') return at + 1;
  }
  return 0;
}

static size_t skip_space(size_t at) {
  while (at < config_length && strchr(" \t\r\n", config[at])) at++;
  return at;
}

/// Reads a string at the top level of the configuration into `into`; leaves it as it is where there is none without escapes.
static void read_config_string(const char *key, char *into, size_t size) {
  int depth = 0;
  for (size_t at = 0; at < config_length;) {
    char c = config[at];
    if (c == '{' || c == '[') depth++;
    if (c == '}' || c == ']') depth--;
    if (c != '"') {
      at++;
      continue;
    }
    size_t end = skip_string(at);
    if (end == 0) return;
    size_t value = skip_space(end);
    int is_key = depth == 1 && value < config_length && config[value] == ':' && end - at - 2 == strlen(key) &&
                 memcmp(config + at + 1, key, strlen(key)) == 0;
    at = end;
    if (!is_key) continue;
    value = skip_space(value + 1);
    if (value >= config_length || config[value] != '"') return;
    end = skip_string(value);
    if (end == 0 || end - value - 2 >= size || memchr(config + value + 1, '\\', end - value - 2)) return;
    memcpy(into, config + value + 1, end - value - 2);
    into[end - value - 2] = 0;
    return;
  }
}

/// Returns the configuration's version: errors and versions are reported in it. Without one it is 0.1.0.
static const char *config_version(const char *missing) {
  static char version[16];
  strcpy(version, missing);
  read_config_string("cniVersion", version, sizeof version);
  for (const char *c = version; *c; c++)
    if (!isdigit((unsigned char)*c) && *c != '.') return missing;
  return version;
}

static int fail(int code, const char *format, ...) {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"", config_version("0.1.0"), code);
  print_escaped(message);
  printf("\"}\n");
  return 1;
}

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

static int append(const char *bytes, size_t length) {
  if (call_length + length > sizeof call) return -1;
  memcpy(call + call_length, bytes, length);
  call_length += length;
  return 0;
}

static long now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void pause_ms(long ms) {
  struct timespec time = {.tv_nsec = ms * 1000000};
  nanosleep(&time, NULL);
}

/// Builds the call. `PODLANE_REQUEST` is the same for each attempt, so that the agent recognizes an ADD that it carried out.
static int build_call(void) {
  static const char *const names[] = {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS",         "CNI_IFNAME",
                                      "CNI_ARGS",    "CNI_PATH",        "CNI_NETNS_OVERRIDE", "NETCONFPATH"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *value = getenv(names[i]);
    if (!value) continue;
    if (append(names[i], strlen(names[i])) || append("=", 1) || append(value, strlen(value) + 1)) return -1;
  }
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  char request[96];
  int length = snprintf(request, sizeof request, "PODLANE_REQUEST=%ld-%lld.%09ld", (long)getpid(),
                        (long long)time.tv_sec, time.tv_nsec);
  return append(request, (size_t)length + 1) || append("", 1) || append(config, config_length) ? -1 : 0;
}

static int write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return -1;
    bytes += written;
    length -= (size_t)written;
  }
  return 0;
}

/// Returns a connection to the agent, or -1.
static int connect_agent(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  struct timeval limit = {.tv_sec = ANSWER_MS / 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int failed = errno;
  close(fd);
  errno = failed;
  return -1;
}

/// Sends the call and reads the whole answer. Returns the length of the answer, or -1 if the agent ended meanwhile.
static ssize_t exchange(int fd) {
  char head[160];
  int length = snprintf(head, sizeof head,
                        "POST /cni HTTP/1.1\r\nHost: podlane\r\nContent-Type: application/octet-stream\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                        call_length);
  if (write_all(fd, head, (size_t)length) || write_all(fd, call, call_length)) return -1;
  size_t received = 0;
  for (;;) {
    ssize_t got = read(fd, answer + received, MAX_ANSWER - received);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    received += (size_t)got;
  }
  answer[received] = 0;
  return (ssize_t)received;
}

/// Prints the answer's body. Returns the exit code, or -1 if the answer is not complete.
static int print_answer(size_t length) {
  char *body = strstr(answer, "\r\n\r\n");
  if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || !body) return -1;
  body += 4;
  char *field = strstr(answer, "\r\nContent-Length: ");
  size_t present = length - (size_t)(body - answer);
  if (!field || field > body || strtoul(field + 18, NULL, 10) != present) return -1;
  if (present > 0 && (fwrite(body, 1, present, stdout) != present || putchar('\n') == EOF || fflush(stdout))) return 1;
  return atoi(answer + 9) / 100 == 2 ? 0 : 1;
}

/// Whether a name can be part of the name of a file: letters, digits, `_`, `.` and `-`, as the specification has it.
static int is_name(const char *text) {
  if (!isalnum((unsigned char)*text)) return 0;
  for (; *text; text++)
    if (!isalnum((unsigned char)*text) && !strchr("_.-", *text)) return 0;
  return 1;
}

/// Leaves a DEL for the next agent in the folder `cni.pending` beside the socket.
static int leave_deletion(const char *socket_path) {
  char folder[128], file[512], temporary[192], network[256] = "";
  const char *container = variable("CNI_CONTAINERID"), *interface = variable("CNI_IFNAME");
  read_config_string("name", network, sizeof network);
  if (!is_name(container)) return fail(BAD_ENVIRONMENT, "CNI_CONTAINERID is missing or invalid");
  if (!*interface || strchr(interface, '/')) return fail(BAD_ENVIRONMENT, "CNI_IFNAME is missing or invalid");
  if (!is_name(network)) return fail(7, "the configuration has no valid name");
  const char *slash = strrchr(socket_path, '/');
  int parent = slash ? (int)(slash - socket_path) : 0;
  snprintf(folder, sizeof folder, "%.*s", parent, socket_path);
  mkdir(folder, 0755);
  snprintf(folder, sizeof folder, "%.*s/cni.pending", parent, socket_path);
  mkdir(folder, 0700);
  snprintf(temporary, sizeof temporary, "%s/.%ld", folder, (long)getpid());
  int length = snprintf(file, sizeof file, "%s/%s+%s+%s", folder, network, container, interface);
  if (length < 0 || (size_t)length >= sizeof file) return fail(IO_FAILURE, "the names of the container are too long");
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(IO_FAILURE, "leave the deletion for the agent in %s: %s", folder, strerror(errno));
  int failed = write_all(fd, call, call_length) || close(fd) || rename(temporary, file);
  if (!failed) return 0;
  int code = errno;
  unlink(temporary);
  return fail(IO_FAILURE, "leave the deletion for the agent in %s: %s", folder, strerror(code));
}

static int print_versions(void) {
  printf("{\"cniVersion\":\"%s\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\","
         "\"1.1.0\"]}\n",
         config_version("1.1.0"));
  return 0;
}

static int read_config(void) {
  for (;;) {
    ssize_t got = read(0, config + config_length, MAX_CONFIG + 1 - config_length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(IO_FAILURE, "read the configuration from standard input: %s", strerror(errno));
    config_length += (size_t)got;
    if (config_length > MAX_CONFIG) {
      config_length = 0;
      return fail(6, "the configuration has more than %d bytes", MAX_CONFIG);
    }
    if (got == 0) return 0;
  }
}

int main(void) {
  const char *command = variable("CNI_COMMAND");
  if (!*command) {
    fprintf(stderr,
            "podlane %s: CNI plugin that attaches containers through the Podlane agent of this node\n"
            "CNI versions: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n",
            PODLANE_VERSION);
    return 0;
  }
  if (read_config()) return 1;
  if (strcmp(command, "VERSION") == 0) return print_versions();
  if (build_call()) return fail(IO_FAILURE, "the CNI_* variables are too long");

  char path[sizeof((struct sockaddr_un *)0)->sun_path] = DEFAULT_SOCKET;
  read_config_string("socket", path, sizeof path);
  if (*variable("PODLANE_CNI_SOCKET")) snprintf(path, sizeof path, "%s", variable("PODLANE_CNI_SOCKET"));
  const char *wait = variable("PODLANE_CNI_WAIT_MS");
  long end = now_ms() + (*wait ? atol(wait) : WAIT_MS);
  const char *why;
  for (;;) {
    int fd = connect_agent(path);
    why = strerror(errno);
    if (fd >= 0) {
      ssize_t length = exchange(fd);
      why = length < 0 ? strerror(errno) : "it ended before it answered";
      close(fd);
      int code = length < 0 ? -1 : print_answer((size_t)length);
      if (code >= 0) return code;
    }
    if (strcmp(command, "DEL") == 0) return leave_deletion(path);
    if (strcmp(command, "STATUS") == 0) return fail(NOT_AVAILABLE, "the Podlane agent does not answer at %s: %s", path, why);
    if (now_ms() >= end) return fail(TRY_AGAIN, "the Podlane agent does not answer at %s: %s", path, why);
    pause_ms(PAUSE_MS);
  }
}
