#include "yardstick.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned char message[message_size];

// One whole message, or 0 when the peer has closed before its first byte.
static int receive_message(SSL *connection) {
    size_t held = 0;
    while (held < sizeof message) {
        size_t count = receive_some(connection, message + held, sizeof message - held);
        errno = 0;
        if (count == 0 && held > 0) fail("a message was cut off");
        if (count == 0) return 0;
        held += count;
    }
    return 1;
}

void serve_echoes(SSL_CTX *context, const char *host, const char *port) {
    SSL *relay = dial(context, host, port, role_source);
    while (receive_message(relay)) send_all(relay, message, sizeof message);
    close_connection(relay);
}

// One thread for both directions: an SSL object must not be read and written at the same time, and an echo needs it never.
void relay_echoes(SSL_CTX *context, const char *port) {
    SSL *server, *client;
    accept_pair(context, port, &server, &client);
    while (receive_message(client)) {
        send_all(server, message, sizeof message);
        errno = 0;
        if (!receive_message(server)) fail("the echo server has gone");
        send_all(client, message, sizeof message);
    }
    close_connection(server);
    close_connection(client);
}

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

// The round trips of one batch, in microseconds. The caller frees them.
static double *round_trips(SSL *relay, long count) {
    double *samples = calloc((size_t)count, sizeof *samples);
    if (samples == NULL) fail("calloc");
    for (long index = 0; index < count; index++) {
        int64_t start = now_ns();
        send_all(relay, message, sizeof message);
        errno = 0;
        if (!receive_message(relay)) fail("the relay has gone");
        samples[index] = (double)(now_ns() - start) / 1000;
    }
    return samples;
}

static long parse_count(const char *text) {
    char *end;
    long count = strtol(text, &end, 10);
    errno = 0;
    if (end == text || (*end != '\0' && *end != '\n') || count < 1 || count > 10000000) fail("COUNT must be 1 to 10000000");
    return count;
}

// With a count: one batch, and a line with its minimum, median and 99th percentile. Without: a batch for each line with
// a count on stdin, answered by one line with every round trip, so that batches can be interleaved with something else.
void measure_echoes(SSL_CTX *context, const char *host, const char *port, const char *count) {
    SSL *relay = dial(context, host, port, role_sink);
    if (count != NULL) {
        long number = parse_count(count);
        double *samples = round_trips(relay, number);
        qsort(samples, (size_t)number, sizeof *samples, ascending);
        printf("round_trips=%ld min_us=%.1f median_us=%.1f p99_us=%.1f\n", number, samples[0], samples[number / 2],
               samples[(number - 1) * 99 / 100]);
        free(samples);
    } else {
        char line[64];
        while (fgets(line, sizeof line, stdin) != NULL) {
            long number = parse_count(line);
            double *samples = round_trips(relay, number);
            for (long index = 0; index < number; index++) printf(index == 0 ? "%.1f" : " %.1f", samples[index]);
            printf("\n");
            fflush(stdout);
            free(samples);
        }
    }
    close_connection(relay);
}
