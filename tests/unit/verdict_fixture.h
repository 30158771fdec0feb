/* A verification whose caller waits for the result. */
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

/* Verifies a secret, and waits for the result. */
__attribute__((unused)) static enum password_result await_result(struct verifier *verifier,
                                                                 const struct admission_check *check,
                                                                 struct verification *verification)
{
    sem_t done;
    sem_init(&done, 0, 0);
    const struct callback on_done = {post_verdict, &done};
    if (verifier_verify(verifier, check, verification, on_done) == PROGRESS_PENDING)
        wait_for(&done);
    sem_destroy(&done);
    return verification->result;
}

#endif
