#include "yardstick.h"

#include <fcntl.h>
#include <unistd.h>

static char chunk[chunk_size];

void send_file(SSL_CTX *context, const char *host, const char *port, const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) fail(path);
    posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL);
    SSL *relay = dial(context, host, port, role_source);
    ssize_t count;
    while ((count = read(file, chunk, sizeof chunk)) > 0) send_all(relay, chunk, (size_t)count);
    if (count < 0) fail(path);
    close_connection(relay);
    close(file);
}

void relay_bulk(SSL_CTX *context, const char *port) {
    SSL *source, *sink;
    accept_pair(context, port, &source, &sink);
    size_t count;
    while ((count = receive_some(source, chunk, sizeof chunk)) > 0) send_all(sink, chunk, count);
    close_connection(sink);
    close_connection(source);
}

// Fills the whole chunk before it writes: SSL_read hands out one record, 16 KiB, at a time.
void receive_file(SSL_CTX *context, const char *host, const char *port, const char *path) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) fail(path);
    SSL *relay = dial(context, host, port, role_sink);
    size_t count;
    do {
        size_t held = 0;
        do {
            count = receive_some(relay, chunk + held, sizeof chunk - held);
            held += count;
        } while (count > 0 && held < sizeof chunk);
        for (size_t written = 0; written < held;) {
            ssize_t result = write(file, chunk + written, held - written);
            if (result < 0) fail(path);
            written += (size_t)result;
        }
    } while (count > 0);
    if (close(file) != 0) fail(path);
    close_connection(relay);
}
