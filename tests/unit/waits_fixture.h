/* An ear for what a thread says of its waits. */
#ifndef TESTS_UNIT_WAITS_FIXTURE_H
#define TESTS_UNIT_WAITS_FIXTURE_H

#include "base/waiting.h"

struct waits {
    int begun;
    int ended;
};

static void count_begin(void *context)
{
    struct waits *waits = context;
    waits->begun++;
}

static void count_end(void *context)
{
    struct waits *waits = context;
    waits->ended++;
}

/* This thread's waits are counted from now on. */
static void hear_waits(struct waits *waits)
{
    waiting_tell(&(struct waiting_calls){.begins = count_begin, .ends = count_end, .context = waits});
}

#endif
