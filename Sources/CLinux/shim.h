// What only Linux has, and what its headers hide from Swift: system calls without a portable name, and the constants that
// glibc shows only under _GNU_SOURCE. The numbers are the kernel's interface; x86-64 and arm64 share them.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BATON_O_PATH 010000000
#define BATON_AT_EMPTY_PATH 0x1000
#define BATON_AT_EACCESS 0x200
#define BATON_SEEK_DATA 3
#define BATON_SEEK_HOLE 4
#define BATON_UTIME_OMIT 0x3FFFFFFE
#define BATON_RENAME_NOREPLACE 1
#define BATON_RENAME_EXCHANGE 2

static inline int baton_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = 0, .resolve = resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

static inline int baton_renameat2(int from, const char *old_name, int to, const char *new_name, unsigned flags) {
    return (int)syscall(SYS_renameat2, from, old_name, to, new_name, flags);
}

static inline int baton_syncfs(int descriptor) {
    return (int)syscall(SYS_syncfs, descriptor);
}

// `access` for what a descriptor stands for (also one opened with O_PATH), with the effective user.
static inline int baton_faccess(int descriptor, const char *path, int mode) {
    return (int)syscall(SYS_faccessat2, descriptor, path, mode, BATON_AT_EMPTY_PATH | BATON_AT_EACCESS);
}

static inline long baton_getdents64(int directory, void *buffer, size_t size) {
    return syscall(SYS_getdents64, directory, buffer, size);
}

// 1: a file system is mounted on `name`; 0: it is not (or the kernel cannot tell); -1: errno says why not.
static inline int baton_is_mount_root(int directory, const char *name) {
    struct statx status;
    if (syscall(SYS_statx, directory, name, AT_SYMLINK_NOFOLLOW, 0, &status) != 0) return -1;
    return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// 1: somebody has the file open for writing; 0: nobody has; -1: the kernel does not tell (not the owner, no leases there).
// Over a network a lease is also refused for other reasons, so the answer would mean nothing. Should somebody open the file for
// writing in the moment in which the lease stands, the kernel lets them wait for it and sends a signal: one that is ignored.
static inline int baton_is_open_for_writing(int file) {
    enum { set_signal = 10, set_lease = 1024 };
    const uint32_t nfs = 0x6969, cifs = 0xFF534D42, smb2 = 0xFE534D42;
    struct statfs system;
    if (fstatfs(file, &system) != 0) return -1;
    const uint32_t kind = (uint32_t)system.f_type;
    if (kind == nfs || kind == cifs || kind == smb2) return -1;
    if (fcntl(file, set_signal, SIGURG) != 0) return -1;
    if (fcntl(file, set_lease, F_RDLCK) != 0) return errno == EAGAIN ? 1 : -1;
    fcntl(file, set_lease, F_UNLCK);
    return 0;
}
