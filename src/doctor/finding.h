/* What the doctor finds: one sentence each, with the remedy, and the step at which it was found. */
#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/diagnostics.h"

/* In the order in which one would look. */
enum finding_step {
    STEP_CONFIGURATION,
    STEP_FILES,
    STEP_ACCOUNTS,
    STEP_KEYS,
    STEP_STATE,
    STEP_LOG,
    STEP_SYNC,
    STEP_SOCKET,
    STEP_CONNECTION,
    STEP_TLS,
    STEP_MOUNT,
    STEP_REQUEST,
    STEP_SOURCE,
    STEP_BODY,
    STEP_PUBLISHED,
    STEP_CLOCK,
    STEP_TOKEN,
    FINDING_STEPS
};

enum finding_weight {
    FINDING_GOOD,
    FINDING_NOTE,    /* nothing is wrong, but one should know it */
    FINDING_WARNING, /* tokens are issued, but not as they should be, or not for long, or not to all */
    FINDING_ERROR,
    FINDING_WEIGHTS
};

enum { FINDING_SIZE = 1200, FINDINGS_OF_STEP = 20 };

struct finding {
    enum finding_step step;
    enum finding_weight weight;
    char text[FINDING_SIZE];
};

/* Initialise with {0}. It is large. */
struct findings {
    size_t count;
    size_t of_step[FINDING_STEPS]; /* those that found no place, too */
    size_t of_weight[FINDING_WEIGHTS];
    struct finding list[(size_t)FINDING_STEPS * FINDINGS_OF_STEP];
};

/* Return constants. */
const char *finding_step_name(enum finding_step step);
const char *finding_weight_name(enum finding_weight weight);

/* Adds a finding, unless the same text is there already or the step has FINDINGS_OF_STEP; those are counted
 * only. Characters that a terminal acts upon become '?'. */
void findings_add(struct findings *findings, enum finding_step step, enum finding_weight weight,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Returns whether the step has an error or a warning. */
bool findings_are_bad(const struct findings *findings, enum finding_step step);

/* What is added to its diagnostics becomes a finding of `step`. */
struct finding_sink {
    struct findings *findings;
    enum finding_step step;
};
struct diagnostics findings_diagnostics(struct finding_sink *sink, uid_t user);

/* Calls `look` in a process of its own, which may become another user, and adds what it has found. If that
 * process is killed, that is an error of `step`. */
void findings_of_child(struct findings *findings, enum finding_step step,
                       void (*look)(void *context, struct findings *findings), void *context);

#endif
