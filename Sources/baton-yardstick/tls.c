#include "yardstick.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Noreturn void fail(const char *what) {
    int saved = errno;
    fprintf(stderr, "baton-yardstick: %s: %s\n", what, saved ? strerror(saved) : "failed");
    ERR_print_errors_fp(stderr);
    exit(1);
}

SSL_CTX *make_context(const char *certs, int server) {
    char ca[4096], certificate[4096], key[4096];
    if (snprintf(ca, sizeof ca, "%s/ca.pem", certs) >= (int)sizeof ca) fail("--certs is too long");
    snprintf(certificate, sizeof certificate, "%s/cert.pem", certs);
    snprintf(key, sizeof key, "%s/key.pem", certs);

    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (context == NULL) fail("SSL_CTX_new");
    if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1
        || SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1
        || SSL_CTX_set_num_tickets(context, 0) != 1)
        fail("TLS settings");
    if (SSL_CTX_load_verify_locations(context, ca, NULL) != 1) fail(ca);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) fail(certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) fail(key);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return context;
}

int listen_on(const char *port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0) fail("socket");
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    if (*port == '\0' || *end != '\0' || number > 65535) fail("the port must be a number from 0 to 65535");
    address.sin_port = htons((uint16_t)number);
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 8) != 0
        || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        fail("listen");
    printf("ready 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static SSL *wrap(SSL_CTX *context, int descriptor) {
    int on = 1;
    struct timeval patience = {.tv_sec = patience_seconds};
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0
        || setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0
        || setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
        fail("setsockopt");
    SSL *connection = SSL_new(context);
    if (connection == NULL || SSL_set_fd(connection, descriptor) != 1) fail("SSL_new");
    return connection;
}

SSL *accept_on(SSL_CTX *context, int listener) {
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    if (poll(&waiting, 1, patience_seconds * 1000) != 1) fail("nobody connected");
    int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (descriptor < 0) fail("accept");
    SSL *connection = wrap(context, descriptor);
    if (SSL_accept(connection) != 1) fail("TLS handshake with a client");
    return connection;
}

SSL *dial(SSL_CTX *context, const char *host, const char *port, enum role role) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int code = getaddrinfo(host, port, &hints, &found);
    if (code != 0) fail(gai_strerror(code));
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, found->ai_addr, found->ai_addrlen) != 0) fail("connect");
    freeaddrinfo(found);

    SSL *connection = wrap(context, descriptor);
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), host) != 1 && SSL_set1_host(connection, host) != 1)
        fail("the host to verify");
    ERR_clear_error();
    if (SSL_connect(connection) != 1) fail("TLS handshake with the relay");
    unsigned char first = (unsigned char)role;
    send_all(connection, &first, 1);
    return connection;
}

void accept_pair(SSL_CTX *context, const char *port, SSL **source, SSL **sink) {
    int listener = listen_on(port);
    *source = *sink = NULL;
    while (*source == NULL || *sink == NULL) {
        SSL *connection = accept_on(context, listener);
        unsigned char role = 0;
        receive_some(connection, &role, 1);
        SSL **place = role == role_source ? source : role == role_sink ? sink : NULL;
        errno = 0;
        if (place == NULL || *place != NULL) fail("a second source or sink, or an unknown role");
        *place = connection;
    }
    close(listener);
}

size_t receive_some(SSL *connection, void *bytes, size_t capacity) {
    size_t count = 0;
    if (SSL_read_ex(connection, bytes, capacity, &count) == 1) return count;
    if (SSL_get_error(connection, 0) == SSL_ERROR_ZERO_RETURN) return 0;
    fail("SSL_read");
}

void send_all(SSL *connection, const void *bytes, size_t count) {
    size_t written = 0;
    if (SSL_write_ex(connection, bytes, count, &written) != 1 || written != count) fail("SSL_write");
}

void close_connection(SSL *connection) {
    int descriptor = SSL_get_fd(connection);
    SSL_shutdown(connection);
    SSL_free(connection);
    close(descriptor);
}
