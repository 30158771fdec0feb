/* One attempt to authenticate as the throttle counts it: it covers both decodings of the credentials, and all
 * lines of the client_id. */
#ifndef OAUTH_ATTEMPT_H
#define OAUTH_ATTEMPT_H

#include "base/cidr.h"
#include "oauth/credentials.h"
#include "service/service.h"
#include "throttle/throttle.h"

struct attempt {
    const struct service *service;
    const struct client_credentials *credentials;
    bool has_secret; /* throttle.secret is set */
    enum throttle_verdict verdict;
    struct throttle_attempt throttle;
};

/* Initialises the attempt. `service` and `credentials`, which has at least one decoding, must outlive it.
 * `source` NULL: unknown. The attempt counts for the client_ids of all decodings. */
void attempt_start(struct attempt *attempt, const struct service *service,
                   const struct client_credentials *credentials, const struct address *source);

/* Checks whether the pair is over its limit. If attempts in flight fill the limit, the attempt is counted
 * here, or refused, before the cache is consulted. Returns OAUTH_NO_ERROR, OAUTH_THROTTLED or
 * OAUTH_SERVER_ERROR. */
enum oauth_error attempt_check(struct attempt *attempt);

/* Returns the check that the verifier makes before it hashes, or waits for a hash in flight. */
struct admission_check attempt_admission_check(struct attempt *attempt);

/* Returns whether the admission check has admitted a verification. */
bool attempt_is_begun(const struct attempt *attempt);

/* Returns the error for a refusal of the admission check: OAUTH_THROTTLED or OAUTH_SERVER_ERROR. */
enum oauth_error attempt_refusal(const struct attempt *attempt);

/* Sets which decoding has matched. attempt_end() clears the failures of its client_id, and of no other. */
void attempt_set_proven(struct attempt *attempt, size_t decoding);

/* Counts the attempt, whatever `error` is: an answer without a verdict also reveals that the cache does not
 * prove the credential. Returns `error`, or the error that replaces it. */
enum oauth_error attempt_end(struct attempt *attempt, enum oauth_error error);

/* Ends the attempt of a client that has gone before it got an answer; replaces attempt_end(). It counts as a
 * failure, as a client that gets no immediate answer also learns that the cache does not prove the
 * credential. If no hash was computed (`was_hashed`), repeating it with the same secret counts nothing. */
void attempt_withdraw(struct attempt *attempt, bool was_hashed);

/* Returns the reason of OAUTH_THROTTLED, for the log. */
const char *attempt_reason(const struct attempt *attempt);

#endif
