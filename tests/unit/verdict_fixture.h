/* A verification for whoever has nothing else to do meanwhile. */
#ifndef TESTS_UNIT_VERDICT_FIXTURE_H
#define TESTS_UNIT_VERDICT_FIXTURE_H

#include <semaphore.h>

#include "password/verifier.h"

static void post_verdict(void *context)
{
    sem_post(context);
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) /* interrupted by a signal */
        ;
}

/* Returns when there is a verdict on it. */
__attribute__((unused)) static void await_verdict(struct verifier *verifier,
                                                  struct verification *verification)
{
    sem_t come;
    sem_init(&come, 0, 0);
    if (verifier_submit(verifier, verification, post_verdict, &come))
        wait_for(&come);
    sem_destroy(&come);
}

#endif
