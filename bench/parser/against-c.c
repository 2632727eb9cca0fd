// Times picohttpparser over heads from a file, for bench/parser/against-c.ts, which compiles this with
// a copy of it that the user has. Prints nanoseconds a head: copied first by memcpy, and in place.
// Arguments: file with a head, kind (0 request, 1 response), rounds, microseconds a round.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "picohttpparser.h"

enum { BYTES_MAX = 1 << 17, FIELDS_MAX = 100 };

static char head[BYTES_MAX], copy[BYTES_MAX];
static volatile size_t sink;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static __attribute__((noinline)) size_t parse(int kind, size_t length, int copied) {
  struct phr_header fields[FIELDS_MAX];
  size_t count = FIELDS_MAX, a_length, b_length;
  const char *bytes = head, *a, *b;
  int minor, status, result;
  if (copied) bytes = memcpy(copy, head, length);
  if (kind == 0) {
    result = phr_parse_request(bytes, length, &a, &a_length, &b, &b_length, &minor, fields, &count, 0);
  } else {
    result = phr_parse_response(bytes, length, &minor, &status, &a, &a_length, fields, &count, 0);
  }
  if (result != (int)length) exit(1);
  return count;
}

int main(int count, char **arguments) {
  if (count != 5) return 2;
  FILE *file = fopen(arguments[1], "rb");
  if (file == NULL) return 2;
  size_t length = fread(head, 1, BYTES_MAX, file);
  int kind = atoi(arguments[2]), rounds = atoi(arguments[3]);
  double best[2] = {1e18, 1e18}, round_ns = atof(arguments[4]) * 1000, start = now();
  long runs = 0;
  for (; now() - start < round_ns; runs += 16) {
    for (int i = 0; i < 16; i++) sink += parse(kind, length, 1);
  }
  for (int round = 0; round < rounds; round++) {
    for (int copied = 0; copied < 2; copied++) {
      start = now();
      for (long i = 0; i < runs; i++) sink += parse(kind, length, copied);
      double each = (now() - start) / runs;
      if (each < best[copied]) best[copied] = each;
    }
  }
  printf("%.2f %.2f\n", best[1], best[0]);
  return 0;
}
