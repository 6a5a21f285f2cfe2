/* The mock provider of the benchmarks: one thread, epoll, no work but the bytes.
 *
 *     provider PORT
 *
 * Any POST is a chat completion. What is answered is said by a marker in the request's content,
 * which every gateway passes on, or by the path, which an account's base URL begins:
 *
 *     (none)                      a completion of some 500 bytes
 *     [[mock:stream=50]]          50 chunks, a usage chunk and [DONE], in one write
 *     [[mock:stream=50,10]]       the same, a chunk each 10 ms; every chunk says when it was sent
 *     [[mock:status=429]]         that status, with OpenAI's error body
 *     /fail/..., /limited/...     500, 429
 *     /sink                       202 without a body, as a broker answers
 *     GET                         200, an empty list of models
 *
 * A chunk's content is "t=" and 19 digits, CLOCK_MONOTONIC in ns: the load generator, on the same
 * machine, subtracts it from its own clock.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 65536
#define KEPT 32768 /* of a request: the head and the beginning of the body */
#define EVENTS 512
#define WHEEL 4096 /* slots of a millisecond */

struct connection {
  int fd;
  size_t kept;             /* bytes in `request` */
  char *request;           /* allocated once a connection */
  size_t head;             /* length of the head, 0 while it is incomplete */
  long long left;          /* bytes of the body still to come; -1: chunked */
  char tail[8];            /* the last bytes of a chunked body */
  char *out;               /* what the socket did not take */
  size_t out_length, out_sent;
  int chunks_left, pace_ms;
  struct connection *next; /* in the wheel's slot */
  uint64_t due_ms;
  int in_wheel;
};

static struct connection *connections[CONNECTIONS_MAX];
static struct connection *wheel[WHEEL];
static uint64_t wheel_ms;
static int streaming, poller;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void watch(struct connection *c, int writing) {
  struct epoll_event e = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.fd = c->fd};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static void drop(struct connection *c) {
  if (c->chunks_left) streaming--;
  c->chunks_left = 0;
  close(c->fd);
  connections[c->fd] = NULL;
  c->fd = -1;
  free(c->out);
  c->out = NULL;
  if (!c->in_wheel) { /* else freed when its slot comes */
    free(c->request);
    free(c);
  }
}

/* Gives 0 when the connection is gone. */
static int put(struct connection *c, const char *bytes, size_t length) {
  size_t sent = 0;
  if (!c->out_length) {
    ssize_t n = send(c->fd, bytes, length, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
      drop(c);
      return 0;
    }
    sent = n < 0 ? 0 : (size_t)n;
    if (sent == length) return 1;
  }
  size_t rest = length - sent;
  c->out = realloc(c->out, c->out_length + rest);
  memcpy(c->out + c->out_length, bytes + sent, rest);
  c->out_length += rest;
  watch(c, 1);
  return 1;
}

static size_t http_chunk(char *to, const char *data) {
  return (size_t)sprintf(to, "%zx\r\n%s\r\n", strlen(data), data);
}

#define CHUNK_HEAD "data: {\"id\":\"chatcmpl-benchmark\",\"object\":\"chat.completion.chunk\"," \
  "\"created\":1790000000,\"model\":\"gpt-4o-mini\",\"choices\":["

static size_t content_chunk(char *to) {
  char data[512];
  sprintf(data,
          CHUNK_HEAD "{\"index\":0,\"delta\":{\"content\":\"t=%019llu\"},"
                     "\"finish_reason\":null}]}\n\n",
          (unsigned long long)now_ns());
  return http_chunk(to, data);
}

static size_t stream_end(char *to) {
  size_t n = http_chunk(
      to, CHUNK_HEAD "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
  n += http_chunk(to + n, CHUNK_HEAD "],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":50,"
                                     "\"total_tokens\":59}}\n\n");
  n += http_chunk(to + n, "data: [DONE]\n\n");
  memcpy(to + n, "0\r\n\r\n", 5);
  return n + 5;
}

static void enter_wheel(struct connection *c, uint64_t due_ms) {
  c->due_ms = due_ms <= wheel_ms ? wheel_ms + 1 : due_ms;
  struct connection **slot = &wheel[c->due_ms % WHEEL];
  c->next = *slot;
  c->in_wheel = 1;
  *slot = c;
}

static int begin_stream(struct connection *c, int chunks, int pace_ms) {
  static char burst[1 << 20];
  size_t n = (size_t)sprintf(
      burst, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
             "transfer-encoding: chunked\r\n\r\n");
  if (!pace_ms) {
    for (int i = 0; i < chunks; i++) n += content_chunk(burst + n);
    n += stream_end(burst + n);
    return put(c, burst, n);
  }
  n += content_chunk(burst + n);
  c->chunks_left = chunks; /* content chunks still to come, and the end */
  c->pace_ms = pace_ms;
  streaming++;
  if (!put(c, burst, n)) return 0;
  if (!c->in_wheel) enter_wheel(c, now_ns() / 1000000 + (uint64_t)pace_ms);
  return 1;
}

static void turn_wheel(void) {
  uint64_t until = now_ns() / 1000000;
  while (wheel_ms < until) {
    wheel_ms++;
    struct connection *c = wheel[wheel_ms % WHEEL];
    wheel[wheel_ms % WHEEL] = NULL;
    while (c) {
      struct connection *next = c->next;
      c->in_wheel = 0;
      if (c->fd < 0) {
        free(c->request);
        free(c);
      } else if (c->due_ms > wheel_ms) {
        enter_wheel(c, c->due_ms);
      } else if (c->chunks_left) {
        char bytes[2048];
        size_t n;
        uint64_t due = c->due_ms + (uint64_t)c->pace_ms;
        if (--c->chunks_left) {
          n = content_chunk(bytes);
        } else {
          streaming--;
          n = stream_end(bytes);
        }
        if (put(c, bytes, n) && c->chunks_left) enter_wheel(c, due);
      }
      c = next;
    }
  }
}

static int fixed(struct connection *c, int status, const char *headers, const char *body) {
  char bytes[2048];
  size_t n = (size_t)sprintf(
      bytes, "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\n%scontent-length: %zu\r\n\r\n%s",
      status, status < 300 ? "OK" : "Error", headers, strlen(body), body);
  return put(c, bytes, n);
}

static int failure(struct connection *c, int status) {
  return fixed(c, status, status == 429 ? "retry-after: 1\r\n" : "",
               "{\"error\":{\"message\":\"as asked\",\"type\":\"mock\",\"param\":null,"
               "\"code\":null}}");
}

static int respond(struct connection *c) {
  static const char completion[] =
      "{\"id\":\"chatcmpl-benchmark\",\"object\":\"chat.completion\",\"created\":1790000000,"
      "\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
      "\"content\":\"The quick brown fox jumps over the lazy dog, and the dog does not mind.\","
      "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{"
      "\"prompt_tokens\":9,\"completion_tokens\":16,\"total_tokens\":25},"
      "\"system_fingerprint\":\"fp_benchmark\"}";
  char *text = c->request;
  text[c->kept] = 0;
  int number, pace = 0;
  if (!strncmp(text, "GET ", 4)) return fixed(c, 200, "", "{\"object\":\"list\",\"data\":[]}");
  if (!strncmp(text, "POST /sink", 10)) {
    static const char accepted[] = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
    return put(c, accepted, sizeof accepted - 1);
  }
  if (!strncmp(text, "POST /fail", 10)) return failure(c, 500);
  if (!strncmp(text, "POST /limited", 13)) return failure(c, 429);
  char *marker = memmem(text + c->head, c->kept - c->head, "[[mock:", 7);
  if (marker && sscanf(marker, "[[mock:stream=%d,%d", &number, &pace) >= 1)
    return begin_stream(c, number, pace);
  if (marker && sscanf(marker, "[[mock:status=%d", &number) == 1) return failure(c, number);
  return fixed(c, 200, "", completion);
}

static int read_head(struct connection *c) {
  c->request[c->kept] = 0;
  char *end = memmem(c->request, c->kept, "\r\n\r\n", 4);
  if (!end) return c->kept < KEPT;
  c->head = (size_t)(end - c->request) + 4;
  c->left = 0;
  for (char *line = c->request; line < end; line = strstr(line, "\r\n") + 2) {
    if (!strncasecmp(line, "content-length:", 15)) c->left = atoll(line + 15);
    if (!strncasecmp(line, "transfer-encoding:", 18)) c->left = -1;
    if (!strncasecmp(line, "expect: 100", 11)) put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
  }
  return 1;
}

/* Takes bytes of a body; gives whether it is whole. */
static int take_body(struct connection *c, const char *bytes, size_t length) {
  if (c->left >= 0) {
    c->left -= (long long)length;
    return c->left <= 0;
  }
  for (size_t i = length > 7 ? length - 7 : 0; i < length; i++) {
    memmove(c->tail, c->tail + 1, 6);
    c->tail[6] = bytes[i];
  }
  return !memcmp(c->tail, "\r\n0\r\n\r\n", 7);
}

static void readable(struct connection *c) {
  static char discarded[1 << 18];
  for (;;) {
    int keeping = c->kept < KEPT;
    char *to = keeping ? c->request + c->kept : discarded;
    size_t room = keeping ? KEPT - c->kept : sizeof discarded;
    ssize_t n = recv(c->fd, to, room, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      drop(c);
      return;
    }
    if (keeping) c->kept += (size_t)n;
    int whole;
    if (!c->head) {
      if (!read_head(c)) {
        drop(c);
        return;
      }
      if (!c->head) continue;
      whole = take_body(c, c->request + c->head, c->kept - c->head);
    } else {
      whole = take_body(c, to, (size_t)n);
    }
    if (whole) {
      if (!respond(c)) return;
      c->kept = c->head = 0;
      memset(c->tail, 0, sizeof c->tail);
    }
    if ((size_t)n < room) return;
  }
}

static void writable(struct connection *c) {
  ssize_t n = send(c->fd, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL);
  if (n < 0) {
    if (errno != EAGAIN) drop(c);
    return;
  }
  c->out_sent += (size_t)n;
  if (c->out_sent == c->out_length) {
    c->out_length = c->out_sent = 0;
    watch(c, 0);
  }
}

static void accept_all(int listener) {
  int fd, one = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    if (fd >= CONNECTIONS_MAX) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct connection *c = calloc(1, sizeof *c);
    c->fd = fd;
    c->request = malloc(KEPT + 1);
    connections[fd] = c;
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
  }
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("provider");
    return 1;
  }
  poller = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
  wheel_ms = now_ns() / 1000000;
  struct epoll_event ready[EVENTS];
  for (;;) {
    int n = epoll_wait(poller, ready, EVENTS, streaming ? 1 : 100);
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      if (fd == listener) {
        accept_all(listener);
        continue;
      }
      struct connection *c = connections[fd];
      if (c && ready[i].events & EPOLLOUT) writable(c);
      c = connections[fd];
      if (c && ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
    }
    turn_wheel();
  }
}
