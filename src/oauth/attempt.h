/* One attempt to authenticate as the throttle sees it, be its credentials read in one way or in two, and its
 * client_id have one line or many. */
#ifndef OAUTH_ATTEMPT_H
#define OAUTH_ATTEMPT_H

#include "base/cidr.h"
#include "oauth/credentials.h"
#include "service/service.h"
#include "throttle/throttle.h"

struct attempt {
    const struct service *service;
    const struct client_credentials *credentials;
    bool has_secret; /* its digests are made */
    enum throttle_verdict verdict;
    struct throttle_attempt throttle;
};

/* Service and credentials, of which there is a reading, live as long as the guess does; `source` NULL: it is
 * not known. It is counted for the client_id of the first reading, whichever of two exist. */
void attempt_start(struct attempt *attempt, const struct service *service,
                   const struct client_credentials *credentials, const struct address *source);

/* Whether it may go on: OAUTH_NO_ERROR, OAUTH_THROTTLED or OAUTH_SERVER_ERROR. */
enum oauth_error attempt_check(struct attempt *attempt);

/* What is asked before something is hashed, or waits for a hash that somebody else began. */
struct admission_check attempt_admission_check(struct attempt *attempt);

/* Whether the gate has let something through. */
bool attempt_is_begun(const struct attempt *attempt);

/* What the gate's refusal means: OAUTH_THROTTLED or OAUTH_SERVER_ERROR. */
enum oauth_error attempt_refusal(const struct attempt *attempt);

/* Counts what came of it, whatever `error` is: also an answer without a verdict tells that the credential is
 * not remembered as proven. Returns `error`, or what takes its place. */
enum oauth_error attempt_end(struct attempt *attempt, enum oauth_error error);

/* In place of attempt_end(), where nobody waits for the answer any more and nothing was told. It counts as a
 * failure where a hash was computed for it, whatever came of that: or who hangs up in time would have the
 * work for nothing. Otherwise it counts as a full queue does: who hears nothing at once knows as well that
 * the credential is not remembered as proven. */
void attempt_withdraw(struct attempt *attempt, bool was_hashed);

/* Of OAUTH_THROTTLED, for the log. */
const char *attempt_reason(const struct attempt *attempt);

#endif
