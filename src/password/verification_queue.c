#include "password/verification_queue.h"

#include <string.h>

void verification_queue_init(struct verification_queue *queue)
{
    queue->last = &queue->first;
}

/* --- The hash table --- */

static struct verification **bucket_of(struct verification_queue *queue, struct cache_key key)
{
    return &queue->buckets[key.words[1] % VERIFICATION_BUCKETS];
}

static void enter_bucket(struct verification_queue *queue, struct verification *leader)
{
    struct verification **bucket = bucket_of(queue, leader->key);
    leader->next_in_bucket = *bucket;
    *bucket = leader;
}

static void leave_bucket(struct verification_queue *queue, const struct verification *leader)
{
    struct verification **link = bucket_of(queue, leader->key);
    while (*link != leader)
        link = &(*link)->next_in_bucket;
    *link = leader->next_in_bucket;
}

struct verification *verification_queue_find_in_flight(struct verification_queue *queue, struct cache_key key)
{
    struct verification *found = *bucket_of(queue, key);
    while (found != NULL && memcmp(&found->key, &key, sizeof key) != 0)
        found = found->next_in_bucket;
    return found;
}

/* --- The queue --- */

/* Lets `link`, which is the head of the queue or a next_in_queue, point to `next`. */
static void set_next_in_queue(struct verification_queue *queue, struct verification **link,
                              struct verification *next)
{
    *link = next;
    if (next != NULL)
        next->link = link;
    else
        queue->last = link;
}

void verification_queue_add(struct verification_queue *queue, struct verification *verification)
{
    verification->state = VERIFICATION_QUEUED;
    verification->next_waiter = NULL;
    enter_bucket(queue, verification);
    set_next_in_queue(queue, queue->last, verification);
    set_next_in_queue(queue, &verification->next_in_queue, NULL);
    queue->pending++;
    queue->queued++;
}

struct verification *verification_queue_take(struct verification_queue *queue)
{
    struct verification *leader = queue->first;
    set_next_in_queue(queue, &queue->first, leader->next_in_queue);
    queue->queued--;
    leader->state = VERIFICATION_HASHED;
    return leader;
}

void verification_queue_finish(struct verification_queue *queue, struct verification *leader)
{
    leave_bucket(queue, leader);
    queue->pending--;
    for (struct verification *waiter = leader; waiter != NULL; waiter = waiter->next_waiter)
        waiter->state = VERIFICATION_IDLE;
}

/* --- The waiters --- */

static void set_next_waiter(struct verification **link, struct verification *next)
{
    *link = next;
    if (next != NULL)
        next->link = link;
}

void verification_queue_coalesce(struct verification *leader, struct verification *verification)
{
    verification->state = VERIFICATION_COALESCED;
    set_next_waiter(&verification->next_waiter, leader->next_waiter);
    set_next_waiter(&leader->next_waiter, verification);
}

static void replace_leader(struct verification_queue *queue, const struct verification *leader,
                           struct verification *next)
{
    next->state = VERIFICATION_QUEUED;
    leave_bucket(queue, leader);
    enter_bucket(queue, next);
    set_next_in_queue(queue, leader->link, next);
    set_next_in_queue(queue, &next->next_in_queue, leader->next_in_queue);
}

static void cancel_leader(struct verification_queue *queue, const struct verification *leader)
{
    if (leader->next_waiter != NULL) {
        replace_leader(queue, leader, leader->next_waiter);
        return;
    }
    leave_bucket(queue, leader);
    set_next_in_queue(queue, leader->link, leader->next_in_queue);
    queue->pending--;
    queue->queued--;
}

bool verification_queue_cancel(struct verification_queue *queue, struct verification *verification)
{
    if (verification->state == VERIFICATION_QUEUED)
        cancel_leader(queue, verification);
    else if (verification->state == VERIFICATION_COALESCED)
        set_next_waiter(verification->link, verification->next_waiter);
    else
        return false;
    verification->state = VERIFICATION_IDLE;
    return true;
}
