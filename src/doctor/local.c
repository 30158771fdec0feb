/* The configuration and what it names: who may read and write it, the accounts, and the keys. */
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/account_audit.h"
#include "base/clock.h"
#include "base/identity.h"
#include "doctor/doctor.h"
#include "password/password_policy.h"

enum { OLD_KEY_DAYS = 365, DAY = 86400 };

static struct finding_sink sink_of(const struct doctor *doctor, enum finding_step step)
{
    return (struct finding_sink){doctor->findings, step};
}

/* --- The user --- */

/* Sets the configuration's `user` and `owner`. */
static void use_user(struct config *config, const char *name, uid_t user)
{
    char *copy = text_copy(text_of(name));
    if (copy == NULL)
        return;
    free(config->user);
    config->user = copy;
    config->owner = user;
}

static void use_number(struct config *config, uid_t user)
{
    const struct passwd *entry = getpwuid(user);
    if (entry != NULL)
        use_user(config, entry->pw_name, user);
}

/* --user, or the configuration's `user`, or root if the process is his, or the owner of the state folder,
 * which only the service writes. */
static void find_user(struct doctor *doctor)
{
    struct config *config = doctor->config;
    struct identity identity = {.user = config->owner};
    if (geteuid() != 0) {
        if (config->user != NULL && config->owner != geteuid())
            findings_add(doctor->findings, STEP_FILES, FINDING_NOTE,
                         "this is not looked at as the user of the service, %s; run the doctor as root",
                         config->user);
        return;
    }
    const bool is_given = doctor->user != NULL && identity_find_user(doctor->user, &identity);
    responders_disown_strangers(&doctor->responders, identity.user);
    const struct responder *ours = responders_ours(&doctor->responders);
    if (is_given)
        use_user(config, doctor->user, identity.user);
    else if (config->user == NULL && ours != NULL)
        use_number(config, ours->user);
    else if (config->user == NULL && config->owner != 0)
        use_number(config, config->owner);
    if (config->user == NULL)
        findings_add(doctor->findings, STEP_FILES, FINDING_WARNING,
                     "%s: who runs token.fcgi is not known, so that its rights are not looked at; set 'user' "
                     "there, or give --user",
                     config->file);
    else if (config->owner == 0)
        findings_add(doctor->findings, STEP_FILES, FINDING_WARNING,
                     "%s: token.fcgi runs as root; run: tokenctl config set user www-data, or another user",
                     config->file);
}

void doctor_configuration(struct doctor *doctor)
{
    struct finding_sink sink = sink_of(doctor, STEP_CONFIGURATION);
    struct diagnostics diagnostics = findings_diagnostics(&sink, 0);
    doctor->config = config_load(doctor->config_file, &diagnostics);
    if (doctor->config == NULL)
        return;
    find_user(doctor);
    findings_add(doctor->findings, STEP_CONFIGURATION, FINDING_GOOD, "%s: issuer %s", doctor->config->file,
                 doctor->config->issuer);
}

/* --- Files --- */

/* A missing file is reported where it is loaded. */
static void check_owner(const struct doctor *doctor, const char *path, bool secret)
{
    struct finding_sink sink = sink_of(doctor, STEP_FILES);
    struct diagnostics diagnostics = findings_diagnostics(&sink, doctor->config->owner);
    struct stat status;
    if (stat(path, &status) == 0)
        file_is_trusted(path, &status, secret, &diagnostics);
}

void doctor_files(struct doctor *doctor)
{
    check_owner(doctor, doctor->config->file, false);
    check_owner(doctor, doctor->config->accounts, false);
    check_owner(doctor, doctor->config->keys, true);
}

/* --- Accounts --- */

struct states {
    int64_t now;
    size_t active;
    size_t locked;
    size_t expired;
    size_t unusable;
};

static bool count_state(void *context, const struct account_entry *entry, const char *why)
{
    struct states *states = context;
    (void)why;
    if (!entry->usable)
        states->unusable++;
    else if (entry->account.locked)
        states->locked++;
    else if (entry->account.expires <= states->now)
        states->expired++;
    else
        states->active++;
    return true;
}

static void judge_states(const struct doctor *doctor, const struct states *states)
{
    const char *path = doctor->config->accounts;
    const size_t all = states->active + states->locked + states->expired + states->unusable;
    if (all == 0)
        findings_add(doctor->findings, STEP_ACCOUNTS, FINDING_ERROR,
                     "%s: there is no account; run: tokenctl add ID --generate", path);
    else if (states->active == 0)
        findings_add(doctor->findings, STEP_ACCOUNTS, FINDING_ERROR,
                     "%s: no account can get a token: %zu locked, %zu expired, %zu unusable; run: tokenctl "
                     "unlock ID, or tokenctl set ID --expires DATE",
                     path, states->locked, states->expired, states->unusable);
    else
        findings_add(doctor->findings, STEP_ACCOUNTS, FINDING_GOOD,
                     "%s: %zu active, %zu locked, %zu expired, %zu unusable", path, states->active,
                     states->locked, states->expired, states->unusable);
}

void doctor_accounts(struct doctor *doctor)
{
    struct finding_sink sink = sink_of(doctor, STEP_ACCOUNTS);
    struct diagnostics diagnostics = findings_diagnostics(&sink, doctor->config->owner);
    struct password_units units = {.ms = {0}};
    const struct password_policy policy = password_policy_of(doctor->config, &units);
    struct states states = {.now = clock_now()};
    doctor->accounts = account_table_load(doctor->config->accounts, &policy, &diagnostics);
    if (doctor->accounts == NULL)
        return;
    account_audit(doctor->accounts, doctor->config->accounts, ACCOUNT_FEWEST_TOKENS, &diagnostics);
    account_table_each(doctor->accounts, count_state, &states);
    judge_states(doctor, &states);
}

/* --- Keys --- */

static void judge_signer(const struct doctor *doctor, int64_t now)
{
    const struct signing_key *signer = doctor->keys->signer;
    const char *path = doctor->config->keys;
    const char *name = jws_algorithm_name(signer->algorithm);
    findings_add(doctor->findings, STEP_KEYS, FINDING_GOOD, "%s: %s signs, %s", path, signer->kid, name);
    if (signer->algorithm == JWS_HS256)
        findings_add(doctor->findings, STEP_KEYS, FINDING_NOTE,
                     "%s: HS256: who can verify a token with this key can also make one; run: tokenctl key "
                     "rotate --alg ES256",
                     path);
    const int64_t days = signer->created > 0 ? (now - signer->created) / DAY : 0;
    if (days > OLD_KEY_DAYS)
        findings_add(doctor->findings, STEP_KEYS, FINDING_NOTE,
                     "%s: %s has signed for %" PRId64 " days; run: tokenctl key add, and later tokenctl key "
                     "rotate",
                     path, signer->kid, days);
}

static void judge_other_keys(const struct doctor *doctor, int64_t now)
{
    bool has_next = false;
    size_t over = 0;
    for (size_t i = 0; i < doctor->keys->count; i++) {
        const struct signing_key *key = &doctor->keys->keys[i];
        has_next |= key->is_next;
        over += key->retired && key->expires <= now;
    }
    if (!has_next && doctor->keys->signer->published != NULL)
        findings_add(doctor->findings, STEP_KEYS, FINDING_NOTE,
                     "%s: no key is published to sign next, so that a rotation takes %ld seconds "
                     "(keys_max_age); run: tokenctl key add",
                     doctor->config->keys, doctor->config->keys_max_age);
    if (over > 0)
        findings_add(doctor->findings, STEP_KEYS, FINDING_NOTE,
                     "%s: the last tokens of %zu keys have expired; run: tokenctl key prune",
                     doctor->config->keys, over);
}

void doctor_keys(struct doctor *doctor)
{
    struct finding_sink sink = sink_of(doctor, STEP_KEYS);
    struct diagnostics diagnostics = findings_diagnostics(&sink, doctor->config->owner);
    const int64_t now = clock_now();
    doctor->keys = keyset_load(doctor->config->keys, &diagnostics);
    if (doctor->keys == NULL)
        return;
    judge_signer(doctor, now);
    judge_other_keys(doctor, now);
}
