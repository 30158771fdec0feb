/* A thread that is about to wait, for longer than it takes to have another thread in its place, says so, and
 * whoever runs the threads hears of it. */
#ifndef BASE_WAITING_H
#define BASE_WAITING_H

struct waiting_calls {
    void (*begins)(void *context);
    void (*ends)(void *context);
    void *context;
};

/* What this thread tells from now on; a copy is kept. */
void waiting_tell(const struct waiting_calls *calls);

/* Around the wait. In a thread that has nobody to tell they do nothing. */
void waiting_begins(void);
void waiting_ends(void);

#endif
