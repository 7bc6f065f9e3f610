#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <sys/socket.h>

/// The user at the other end of a Unix socket, or -1. (`struct ucred` needs _GNU_SOURCE, which Swift's own module lacks.)
static inline int64_t baton_peer_user(int socket) {
    struct {
        int32_t pid;
        uint32_t uid;
        uint32_t gid;
    } credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
    return credentials.uid;
}
