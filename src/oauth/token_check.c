#include "oauth/token_check.h"

/* What the lines of an account say about its tokens. */
struct standing {
    bool has_line;
    bool has_open_line; /* usable, neither locked nor expired */
    bool has_type;      /* a line's typ= is the token's */
    int64_t not_before; /* the latest of its lines */
};

/* Reads the lines of the client_id of `jwt`. The attributes of every line count, as a line may have been
 * locked since it got the token. False: the accounts cannot be read. */
static bool read_standing(const struct service *service, const struct jwt *jwt, int64_t now,
                          struct standing *standing)
{
    const struct text client_id = jwt_claim_text(jwt, CLAIM_SUB);
    struct account_entry entry;
    size_t cursor = 0;
    enum account_found found;
    *standing = (struct standing){.has_line = false};
    while ((found = service_find_account(service, client_id, &cursor, &entry)) == ACCOUNT_FOUND) {
        const struct account *account = &entry.account;
        standing->has_line = true;
        standing->has_open_line |= account_entry_state(&entry, now) == ACCOUNT_STATE_ACTIVE;
        standing->has_type |= account->type.data != NULL && jwt_has_type(jwt, account->type);
        if (account->not_before > standing->not_before)
            standing->not_before = account->not_before;
    }
    return found == ACCOUNT_NOT_FOUND;
}

static enum jwt_status check_standing(const struct service *service, const struct jwt *jwt,
                                      const struct standing *standing)
{
    if (jwt_issued(jwt) < standing->not_before)
        return JWT_CLIENT_REVOKED;
    if (!service->config->check_accounts || standing->has_open_line)
        return JWT_VALID;
    return standing->has_line ? JWT_ACCOUNT_CLOSED : JWT_ACCOUNT_UNKNOWN;
}

static enum jwt_status check_revocation(const struct service *service, const struct jwt *jwt)
{
    bool is_revoked;
    if (!revocations_find(service->revocations, service->log, jwt_claim_text(jwt, CLAIM_JTI), &is_revoked))
        return JWT_NOT_CHECKED;
    return is_revoked ? JWT_REVOKED : JWT_VALID;
}

enum jwt_status token_check(const struct service *service, struct text token, const char *audience,
                            int64_t now, struct jwt *jwt)
{
    const struct config *config = service->config;
    const struct jwt_expectation expected = {
        .issuer = config->issuer,
        .audience = audience,
        .type = config->token_typ,
        .clock_skew = config->clock_skew,
        .now = now,
    };
    struct standing standing;
    enum jwt_status status = jwt_verify(service->keys, token, &expected, jwt);
    if (status != JWT_VALID && status != JWT_WRONG_TYPE)
        return status;
    if (!read_standing(service, jwt, now, &standing))
        return JWT_NOT_CHECKED;
    if (status == JWT_WRONG_TYPE && standing.has_type)
        status = jwt_check_claims(jwt, &expected);
    if (status == JWT_VALID)
        status = check_revocation(service, jwt);
    return status == JWT_VALID ? check_standing(service, jwt, &standing) : status;
}
