#include "account/account_audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "password/password_speed.h"

enum weakness { LEGACY, CHEAP, SLOW, NOT_COMPUTED, WEAKNESSES };

/* The lines of one method that have the same weakness. */
struct finding {
    size_t count;
    size_t line; /* the number of the first line; the members below belong to it, too */
    struct text client_id;
    struct text setting;
    double ms; /* time for a verification; 0: not relevant */
};

struct audit {
    double fewest_tokens;
    bool no_memory;
    struct password_speeds speeds;
    struct finding findings[PASSWORD_SCALES][WEAKNESSES];
};

static void add_finding(struct audit *audit, const struct account_entry *entry, enum weakness weakness,
                        struct text setting, double ms)
{
    const struct password_scale *scale = password_scale_of(entry->account.method);
    struct finding *finding = &audit->findings[scale - password_scales][weakness];
    if (finding->count++ == 0)
        *finding = (struct finding){1, entry->line, entry->account.client_id, setting, ms};
}

static void measure_speed(struct audit *audit, const struct account_entry *entry,
                          const struct password_cost *cost)
{
    const struct account *account = &entry->account;
    double ms = 0;
    const enum password_result result =
        password_speed(&audit->speeds, account->method, account->hash, cost, &ms);
    audit->no_memory = result == PASSWORD_NO_MEMORY;
    if (result == PASSWORD_UNUSABLE)
        add_finding(audit, entry, NOT_COMPUTED, cost->setting, 0);
    else if (result == PASSWORD_MISMATCH && ms * audit->fewest_tokens > 1000)
        add_finding(audit, entry, SLOW, cost->setting, ms);
}

static bool audit_entry(void *context, const struct account_entry *entry, const char *why)
{
    struct audit *audit = context;
    const struct account *account = &entry->account;
    struct password_cost cost;
    (void)why;
    if (!entry->usable || account->method == NULL || password_is_of_random(account->hash))
        return true;
    if (!password_cost_read(account->method, account->hash, &cost)) {
        add_finding(audit, entry, NOT_COMPUTED, cost.setting, 0);
        return true;
    }
    if (account->method->legacy)
        add_finding(audit, entry, LEGACY, cost.setting, 0);
    else if (cost.work < password_scale_of(account->method)->advised)
        add_finding(audit, entry, CHEAP, cost.setting, 0);
    measure_speed(audit, entry, &cost);
    return !audit->no_memory;
}

/* Writes: client "a", or: client "a" and 2 lines more */
static void write_client(char *out, size_t size, const struct finding *finding)
{
    char quoted[128];
    log_quote(quoted, sizeof quoted, finding->client_id.data, finding->client_id.length);
    const size_t more = finding->count - 1;
    if (more == 0)
        snprintf(out, size, "client %s", quoted);
    else
        snprintf(out, size, "client %s and %zu line%s more", quoted, more, more == 1 ? "" : "s");
}

static void write_slow(char *out, size_t size, const struct finding *finding)
{
    snprintf(out, size,
             "%.*s allows %.1f tokens per second and core on this machine, %.0f ms each; tokenctl hash-cost "
             "shows what others allow, tokenctl passwd sets a new secret",
             (int)finding->setting.length, finding->setting.data, 1000 / finding->ms, finding->ms);
}

static void write_weakness(char *out, size_t size, const struct finding *finding, enum weakness weakness,
                           const struct password_scale *scale)
{
    switch (weakness) {
    case LEGACY:
        snprintf(out, size,
                 "it is a legacy method, which is fast to guess; set a new secret with tokenctl passwd");
        break;
    case CHEAP:
        snprintf(out, size,
                 "it is faster to guess than current advice, %s, allows; set a new secret with tokenctl "
                 "passwd",
                 scale->advice);
        break;
    case SLOW:
        write_slow(out, size, finding);
        break;
    default:
        snprintf(out, size,
                 "crypt(3) does not compute hashes with its parameters, so no secret matches; set one with "
                 "tokenctl passwd");
        break;
    }
}

static void report_finding(struct diagnostics *diagnostics, const char *path, const struct finding *finding,
                           enum weakness weakness, const struct password_scale *scale)
{
    char whose[192];
    char what[512];
    write_client(whose, sizeof whose, finding);
    write_weakness(what, sizeof what, finding, weakness, scale);
    diagnostics_add(diagnostics, SEVERITY_WARNING, path, finding->line, "%s: the hash is %s: %s", whose,
                    scale->method, what);
}

void account_audit(const struct account_table *table, const char *path, double fewest_tokens,
                   struct diagnostics *diagnostics)
{
    struct audit audit = {.fewest_tokens = fewest_tokens};
    account_table_each(table, audit_entry, &audit);
    if (audit.no_memory)
        diagnostics_add(diagnostics, SEVERITY_WARNING, path, 0, "not all hashes could be checked: %s",
                        strerror(ENOMEM));
    for (size_t i = 0; i < PASSWORD_SCALES; i++) {
        for (unsigned weakness = 0; weakness < WEAKNESSES; weakness++) {
            const struct finding *finding = &audit.findings[i][weakness];
            if (finding->count > 0)
                report_finding(diagnostics, path, finding, weakness, &password_scales[i]);
        }
    }
}
