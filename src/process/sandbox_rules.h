/* The system calls that the sandbox allows, for each processor architecture. */
#ifndef PROCESS_SANDBOX_RULES_H
#define PROCESS_SANDBOX_RULES_H

#include <seccomp.h>
#include <stdint.h>

enum sandbox_rules {
    SANDBOX_RESPONDER, /* token.fcgi */
    SANDBOX_NETWORK,   /* the same, and what a client on a network needs: token-sync */
};

/* Creates the filter for an architecture: SCMP_ARCH_NATIVE, or another SCMP_ARCH_… for tests. Sets
 * `*filter`, which the caller gives to seccomp_release(). Returns 0, or a negative errno as libseccomp
 * does. */
int sandbox_filter_new(uint32_t architecture, enum sandbox_rules rules, scmp_filter_ctx *filter);

#endif
