/* The load generator of the benchmarks: one thread, epoll, HTTP/1.1, streams understood.
 *
 *     load PORT CONNECTIONS RAMP_S WARMUP_S SECONDS RATE <request
 *
 * Standard input is one whole request. RATE 0: each connection asks again as soon as it has its
 * answer. Otherwise so many requests a second over all connections, each timed from when it was
 * due, so that a server that stalls does not hide what waited behind it. Connections open evenly
 * over RAMP_S. After ramp and warm-up "begin" is printed, after SECONDS more one line of JSON with
 * what was whole in between; then open answers are let end, 1 s at most.
 *
 * Content of the form "t=" and 19 digits is the provider's clock (CLOCK_MONOTONIC, ns) when it
 * sent the chunk; what is reported of chunks is how much later it was read here.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 512
#define HEAD_MAX 16384
#define STATUSES 600
#define SECOND 1000000000ull

enum body { BY_LENGTH, CHUNKED, TO_THE_END };
enum part { SIZE, SIZE_LINE, DATA, DATA_END, TRAILER };

struct connection {
  int fd, busy, status, closing, writing;
  size_t sent, head_length;
  char head[HEAD_MAX];
  int in_body;
  enum body body;
  enum part part;
  long long left;
  int trailer_line;
  uint64_t due, first_byte, opens_at;
};

struct samples {
  uint32_t *values; /* units of 100 ns */
  size_t count, room;
};

static struct connection *connections;
static int *idle, idle_count, poller, count, open_loop, stopping;
static char *request;
static size_t request_length;
static struct sockaddr_in address = {.sin_family = AF_INET};
static struct samples latency, first_byte, chunk_delay;
static uint64_t begins, ends, statuses[STATUSES], failed, unsent;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void sample(struct samples *s, uint64_t ns) {
  if (s->count == s->room) {
    s->room = s->room ? s->room * 2 : 65536;
    s->values = realloc(s->values, s->room * sizeof *s->values);
  }
  s->values[s->count++] = ns / 100 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 100);
}

static int measuring(uint64_t now) { return now >= begins && now < ends; }

static void connect_to(struct connection *c) {
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) {
    close(c->fd);
    c->fd = -1;
    return;
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)(c - connections)};
  epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
}

static void watch(struct connection *c, int writing) {
  if (c->writing == writing) return;
  c->writing = writing;
  struct epoll_event e = {.events = EPOLLIN | (writing ? EPOLLOUT : 0),
                          .data.u32 = (uint32_t)(c - connections)};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static void hang_up(struct connection *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  c->writing = 0;
}

static void give_back(struct connection *c) {
  c->busy = 0;
  if (open_loop && !stopping) idle[idle_count++] = (int)(c - connections);
}

static void lost(struct connection *c) {
  if (c->busy && measuring(now_ns())) failed++;
  hang_up(c);
  if (c->busy) give_back(c);
}

static void send_more(struct connection *c) {
  while (c->sent < request_length) {
    ssize_t n = send(c->fd, request + c->sent, request_length - c->sent,
                     MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EAGAIN) watch(c, 1);
      /* An answer may be there all the same: reading finds out. */
      return;
    }
    c->sent += (size_t)n;
  }
  watch(c, 0);
}

static void ask(struct connection *c, uint64_t due) {
  if (stopping) return;
  c->busy = 1;
  c->due = due;
  c->first_byte = 0;
  c->sent = c->head_length = 0;
  c->in_body = c->closing = 0;
  if (c->fd < 0) connect_to(c);
  if (c->fd < 0) {
    lost(c);
    c->opens_at = now_ns() + SECOND / 20; /* not at once: it refuses */
    return;
  }
  send_more(c);
}

static void answered(struct connection *c) {
  uint64_t now = now_ns();
  if (measuring(now)) {
    sample(&latency, now - c->due);
    statuses[c->status < STATUSES ? c->status : 0]++;
  }
  if (c->closing || c->sent < request_length) hang_up(c);
  give_back(c);
  if (!open_loop) ask(c, now);
}

static char *field(char *head, const char *name) {
  char *found = strcasestr(head, name);
  return found ? found + strlen(name) : NULL;
}

static void read_head(struct connection *c) {
  c->status = atoi(c->head + 9);
  char *length = field(c->head, "\r\ncontent-length:"), *coding;
  coding = field(c->head, "\r\ntransfer-encoding:");
  char *closing = field(c->head, "\r\nconnection:");
  c->closing = closing && !strncasecmp(closing + strspn(closing, " "), "close", 5);
  c->in_body = 1;
  c->part = SIZE;
  c->left = length ? atoll(length) : 0;
  c->body = coding ? CHUNKED : length ? BY_LENGTH : TO_THE_END;
  if (c->status == 204) c->body = BY_LENGTH;
}

/* Takes bytes of a body; gives whether the answer is whole. */
static int take_body(struct connection *c, const char *at, const char *end) {
  if (c->body == TO_THE_END) return 0;
  if (c->body == BY_LENGTH) return (c->left -= end - at) <= 0;
  while (at < end) {
    if (c->part == DATA) {
      long long n = end - at < c->left ? end - at : c->left;
      at += n;
      if (!(c->left -= n)) c->part = DATA_END;
      continue;
    }
    char b = *at++;
    if (c->part == SIZE) {
      int digit = b >= '0' && b <= '9' ? b - '0' : (b | 32) >= 'a' && (b | 32) <= 'f' ? (b | 32) - 'a' + 10 : -1;
      if (digit >= 0)
        c->left = c->left * 16 + digit;
      else
        c->part = SIZE_LINE;
    }
    if (c->part == SIZE_LINE && b == '\n') {
      c->part = c->left ? DATA : TRAILER;
      c->trailer_line = 0;
    } else if (c->part == DATA_END && b == '\n') {
      c->part = SIZE;
    } else if (c->part == TRAILER) {
      if (b == '\n' && !c->trailer_line) return 1;
      if (b == '\n')
        c->trailer_line = 0;
      else if (b != '\r')
        c->trailer_line = 1;
    }
  }
  return 0;
}

static void look_for_stamps(const char *at, const char *end, uint64_t now) {
  while ((at = memmem(at, (size_t)(end - at), "t=00", 4)) && end - at >= 21) {
    uint64_t sent = strtoull(at + 2, NULL, 10);
    sample(&chunk_delay, now > sent ? now - sent : 0);
    at += 21;
  }
}

static void readable(struct connection *c) {
  static char bytes[(1 << 18) + 1];
  ssize_t n = recv(c->fd, bytes, sizeof bytes - 1, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    if (!n && c->busy && c->in_body && c->body == TO_THE_END) {
      c->closing = 1;
      answered(c);
    } else {
      int was_busy = c->busy;
      lost(c);
      if (!open_loop && was_busy) ask(c, now_ns());
    }
    return;
  }
  bytes[n] = 0;
  uint64_t now = now_ns();
  char *at = bytes, *end = bytes + n;
  if (!c->in_body) {
    size_t before = c->head_length;
    size_t take = (size_t)n < HEAD_MAX - 1 - before ? (size_t)n : HEAD_MAX - 1 - before;
    memcpy(c->head + before, bytes, take);
    c->head_length += take;
    c->head[c->head_length] = 0;
    char *stop = memmem(c->head, c->head_length, "\r\n\r\n", 4);
    if (!stop) return;
    stop[2] = 0;
    read_head(c);
    at = bytes + (stop + 4 - c->head) - before;
    if (c->status == 100) {
      c->in_body = 0;
      c->head_length = 0;
      return;
    }
  }
  if (!c->first_byte && (at < end || c->body == BY_LENGTH)) {
    c->first_byte = now;
    if (measuring(now)) sample(&first_byte, now - c->due);
  }
  if (measuring(now)) look_for_stamps(at, end, now);
  if (take_body(c, at, end)) answered(c);
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void print_samples(const char *name, struct samples *s) {
  qsort(s->values, s->count, sizeof *s->values, by_value);
  printf(",\"%s\":{\"count\":%zu", name, s->count);
  static const struct {
    const char *name;
    double at;
  } points[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"max", 1}};
  for (size_t i = 0; s->count && i < sizeof points / sizeof *points; i++)
    printf(",\"%s\":%.1f", points[i].name,
           s->values[(size_t)((double)(s->count - 1) * points[i].at + .5)] / 10.0);
  printf("}");
}

static void report(double seconds) {
  int open = 0;
  for (int i = 0; i < count; i++) open += connections[i].busy;
  printf("{\"seconds\":%.6f,\"requests\":%zu,\"failed\":%llu,\"unsent\":%llu,\"open\":%d,"
         "\"statuses\":{",
         seconds, latency.count, (unsigned long long)failed, (unsigned long long)unsent, open);
  const char *comma = "";
  for (int i = 0; i < STATUSES; i++)
    if (statuses[i]) {
      printf("%s\"%d\":%llu", comma, i, (unsigned long long)statuses[i]);
      comma = ",";
    }
  printf("}");
  print_samples("latency_us", &latency);
  print_samples("first_byte_us", &first_byte);
  print_samples("chunk_delay_us", &chunk_delay);
  printf("}\n");
  fflush(stdout);
}

static void read_request(void) {
  size_t room = 1 << 16, n;
  request = malloc(room);
  while ((n = fread(request + request_length, 1, room - request_length, stdin))) {
    request_length += n;
    if (request_length == room) request = realloc(request, room *= 2);
  }
}

static int any_busy(void) {
  for (int i = 0; i < count; i++)
    if (connections[i].busy) return 1;
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  address.sin_port = htons(atoi(argv[1]));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  count = atoi(argv[2]);
  double ramp = atof(argv[3]), warmup = atof(argv[4]), seconds = atof(argv[5]);
  double rate = atof(argv[6]);
  open_loop = rate > 0;
  read_request();
  connections = calloc((size_t)count, sizeof *connections);
  idle = calloc((size_t)count, sizeof *idle);
  poller = epoll_create1(0);
  uint64_t start = now_ns();
  begins = start + (uint64_t)((ramp + warmup) * 1e9);
  ends = begins + (uint64_t)(seconds * 1e9);
  for (int i = 0; i < count; i++) {
    connections[i].fd = -1;
    connections[i].opens_at = start + (uint64_t)(ramp * 1e9 * i / count);
    if (open_loop) idle[idle_count++] = count - 1 - i;
  }
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event e = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
  epoll_ctl(poller, EPOLL_CTL_ADD, timer, &e);
  uint64_t tick = open_loop ? (uint64_t)(1e9 / rate) : SECOND / 1000, due = start + tick;
  struct itimerspec every = {.it_value.tv_nsec = 1,
                             .it_interval = {(time_t)(tick / SECOND), (long)(tick % SECOND)}};
  timerfd_settime(timer, 0, &every, NULL);
  int begun = 0, first_unopened = 0;
  struct epoll_event ready[EVENTS];
  for (;;) {
    int n = epoll_wait(poller, ready, EVENTS, 100);
    uint64_t now = now_ns();
    if (!begun && now >= begins) {
      begun = 1;
      printf("begin\n");
      fflush(stdout);
    }
    if (!stopping && now >= ends) {
      report((double)(now - begins) / 1e9);
      stopping = 1;
    }
    if (stopping && (now >= ends + SECOND || !any_busy())) return 0;
    for (int i = 0; i < n; i++) {
      if (ready[i].data.u32 == UINT32_MAX) {
        uint64_t ticks;
        if (read(timer, &ticks, sizeof ticks) < 0) continue;
        continue;
      }
      struct connection *c = &connections[ready[i].data.u32];
      if (c->fd >= 0 && ready[i].events & EPOLLOUT) send_more(c);
      if (c->fd >= 0 && ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
    }
    if (stopping) continue;
    if (open_loop) {
      for (; due <= now; due += tick) {
        if (idle_count)
          ask(&connections[idle[--idle_count]], due);
        else if (measuring(now))
          unsent++;
      }
      continue;
    }
    for (; first_unopened < count && connections[first_unopened].opens_at <= now; first_unopened++)
      ask(&connections[first_unopened], now);
    for (int i = 0; i < first_unopened; i++)
      if (!connections[i].busy && connections[i].opens_at <= now) ask(&connections[i], now);
  }
}
