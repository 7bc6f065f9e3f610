// Shows the thread sanitizer the slow half of Swift's Mutex. Linked into what `sanitize thread` builds, and into nothing else.
//
// `Synchronization.Mutex` locks with an atomic exchange that is compiled into its caller, where the sanitizer sees it. If that
// fails, it calls functions of the Swift runtime, which is not instrumented, and there the kernel hands the lock over (a futex
// with priority inheritance): the sanitizer then takes the next owner for one that never waited, and reports a race for whatever
// the mutex guards. The functions here stand in the way of those calls, say what they do, and pass on to the runtime's.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);

// As Swift's compiler names and calls them: `_MutexHandle._lockSlow(_: UInt32)`, `._tryLockSlow() -> Bool`, `._unlockSlow()`.
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self

typedef SWIFT void lock_function(uint32_t thread, SELF);
typedef SWIFT bool try_lock_function(SELF);
typedef SWIFT void unlock_function(SELF);

// The runtime's function, which comes after ours.
static void *next(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) abort();
    return function;
}

SWIFT void lock_slow(uint32_t thread, SELF) __asm__(LOCK);
SWIFT void lock_slow(uint32_t thread, SELF) {
    ((lock_function *)next(LOCK))(thread, self);
    __tsan_acquire(self);
}

SWIFT bool try_lock_slow(SELF) __asm__(TRY_LOCK);
SWIFT bool try_lock_slow(SELF) {
    bool is_locked = ((try_lock_function *)next(TRY_LOCK))(self);
    if (is_locked) __tsan_acquire(self);
    return is_locked;
}

SWIFT void unlock_slow(SELF) __asm__(UNLOCK);
SWIFT void unlock_slow(SELF) {
    __tsan_release(self);
    ((unlock_function *)next(UNLOCK))(self);
}
