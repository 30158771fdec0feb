/* What the sandbox allows, on each kind of processor. */
#ifndef PROCESS_SANDBOX_RULES_H
#define PROCESS_SANDBOX_RULES_H

#include <seccomp.h>
#include <stdint.h>

/* Makes the filter for a processor, SCMP_ARCH_NATIVE or another SCMP_ARCH_… (for tests). Sets `*filter`,
 * which the caller gives to seccomp_release(). Returns 0, or a negative errno as libseccomp does. */
int sandbox_filter_new(uint32_t architecture, scmp_filter_ctx *filter);

#endif
