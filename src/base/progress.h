/* How an operation says that it is not done yet.
 *
 * PROGRESS_PENDING: its callback is called once, from any thread, maybe before the function has returned. The
 * callback must not resume the operation itself. It only notes that the operation can be resumed; the thread
 * that owns the request does so, and that thread still owns it when the function returns (see
 * server/connection_set.c). So everything that belongs to the request is used by one thread at a time. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

enum progress { PROGRESS_DONE, PROGRESS_PENDING };

struct callback {
    void (*call)(void *context);
    void *context;
};

#endif
