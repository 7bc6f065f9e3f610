#include "yardstick.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static const char usage[] =
    "usage: baton-yardstick CERTS MODE\n"
    "  CERTS                         directory with ca.pem, cert.pem and key.pem\n"
    "  relay PORT                    pass on what one source sends to one sink\n"
    "  send HOST PORT FILE           be the source\n"
    "  receive HOST PORT FILE        be the sink\n"
    "  echo-relay PORT               pass small messages both ways\n"
    "  echo-server HOST PORT         send them back\n"
    "  echo-client HOST PORT [COUNT] time COUNT round trips, or as many as each line on stdin says\n"
    "A relay prints \"ready HOST:PORT\" on stdout; PORT 0 picks one. At its end each prints a line\n"
    "\"cpu mode=MODE user=SECONDS sys=SECONDS\" on stderr.\n";

static double seconds(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

int main(int count, char **arguments) {
    if (count < 4 || count > 6) {
        fputs(usage, stderr);
        return 64;
    }
    char **rest = arguments + 3;
    const char *mode = arguments[2];
    int operands = count - 3;
    int is_relay = strcmp(mode, "relay") == 0 || strcmp(mode, "echo-relay") == 0;
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = make_context(arguments[1], is_relay);

    if (strcmp(mode, "relay") == 0 && operands == 1) {
        relay_bulk(context, rest[0]);
    } else if (strcmp(mode, "send") == 0 && operands == 3) {
        send_file(context, rest[0], rest[1], rest[2]);
    } else if (strcmp(mode, "receive") == 0 && operands == 3) {
        receive_file(context, rest[0], rest[1], rest[2]);
    } else if (strcmp(mode, "echo-relay") == 0 && operands == 1) {
        relay_echoes(context, rest[0]);
    } else if (strcmp(mode, "echo-server") == 0 && operands == 2) {
        serve_echoes(context, rest[0], rest[1]);
    } else if (strcmp(mode, "echo-client") == 0 && operands >= 2) {
        measure_echoes(context, rest[0], rest[1], operands == 3 ? rest[2] : NULL);
    } else {
        fputs(usage, stderr);
        return 64;
    }
    SSL_CTX_free(context);

    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    fprintf(stderr, "cpu mode=%s user=%.3f sys=%.3f\n", mode, seconds(used.ru_utime), seconds(used.ru_stime));
    return 0;
}
