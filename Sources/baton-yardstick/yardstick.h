// The yardstick: what relaying over mutual TLS costs when it is written as plainly as possible, in C, with blocking
// OpenSSL calls and nothing else: no frames, no checksums, no trees. `baton-bench` runs it beside Baton.
#ifndef BATON_YARDSTICK_H
#define BATON_YARDSTICK_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum {
    chunk_size = 256 * 1024, // of one read from or write to a file or a connection
    message_size = 64,       // of an echo: about an `exists` with its frame header
    patience_seconds = 120,  // for any single wait
};

// The first byte on a connection to a relay: which end this is.
enum role { role_source = 'S', role_sink = 'D' };

// Ends the program, naming what failed and what the system or OpenSSL says about it.
_Noreturn void fail(const char *what);

// --- tls.c: connections. All of them end the program when they fail. ---

// TLS 1.3, TLS_AES_128_GCM_SHA256, and a certificate from both sides, from ca.pem, cert.pem and key.pem in `certs`.
SSL_CTX *make_context(const char *certs, int server);

// A socket that listens on 127.0.0.1, and "ready 127.0.0.1:PORT" on stdout. Port 0 picks one.
int listen_on(const char *port);
SSL *accept_on(SSL_CTX *context, int listener);
SSL *dial(SSL_CTX *context, const char *host, const char *port, enum role role);

// Accepts one connection of each role, in either order.
void accept_pair(SSL_CTX *context, const char *port, SSL **source, SSL **sink);

// Up to `capacity` bytes; 0 when the peer has closed properly.
size_t receive_some(SSL *connection, void *bytes, size_t capacity);
void send_all(SSL *connection, const void *bytes, size_t count);
void close_connection(SSL *connection);

// --- bulk.c: one file through a relay ---
void send_file(SSL_CTX *context, const char *host, const char *port, const char *path);
void relay_bulk(SSL_CTX *context, const char *port);
void receive_file(SSL_CTX *context, const char *host, const char *port, const char *path);

// --- echo.c: small messages through a relay ---
void serve_echoes(SSL_CTX *context, const char *host, const char *port);
void relay_echoes(SSL_CTX *context, const char *port);
void measure_echoes(SSL_CTX *context, const char *host, const char *port, const char *count);

#endif
