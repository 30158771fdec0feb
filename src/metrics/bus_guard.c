#include "metrics/bus_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

/* The only variables of a process: a handler of signals gets no context. `size` is written last, and is 0
 * while `base` changes. */
static struct guarded {
    _Atomic uintptr_t base; /* 0: free */
    atomic_size_t size;
} guarded[BUS_GUARD_COUNT];

/* mmap() is a system call and nothing else, so a handler may use it. The kernel replaces the mapping in one
 * step, and the instruction is repeated. */
static void replace_mapping(int number, siginfo_t *info, void *context)
{
    const int saved_errno = errno;
    const uintptr_t address = (uintptr_t)info->si_addr;
    (void)context;
    for (size_t i = 0; i < BUS_GUARD_COUNT; i++) {
        const size_t size = atomic_load(&guarded[i].size);
        const uintptr_t base = atomic_load(&guarded[i].base);
        if (size == 0 || address - base >= size)
            continue;
        void *memory = (void *)base; // NOLINT(performance-no-int-to-ptr)
        if (mmap(memory, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
            memory) {
            errno = saved_errno;
            return;
        }
    }
    signal(number, SIG_DFL); /* the instruction is repeated, and ends the process */
    errno = saved_errno;
}

static bool handle_signal(void)
{
    struct sigaction action = {.sa_sigaction = replace_mapping, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, NULL) == 0;
}

bool bus_guard_add(void *base, size_t size)
{
    for (size_t i = 0; i < BUS_GUARD_COUNT; i++) {
        uintptr_t none = 0;
        if (!atomic_compare_exchange_strong(&guarded[i].base, &none, (uintptr_t)base))
            continue;
        atomic_store(&guarded[i].size, size);
        return handle_signal();
    }
    return false;
}

void bus_guard_remove(const void *base)
{
    for (size_t i = 0; i < BUS_GUARD_COUNT; i++) {
        if (atomic_load(&guarded[i].base) != (uintptr_t)base)
            continue;
        atomic_store(&guarded[i].size, 0);
        atomic_store(&guarded[i].base, 0);
    }
}
