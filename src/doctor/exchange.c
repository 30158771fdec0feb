/* The exchange with other machines: whether token-sync runs, and can log in to the engine and use it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config_key.h"
#include "config/sync_address.h"
#include "doctor/doctor.h"
#include "process/privilege.h"
#include "sync/engine_config.h"
#include "sync/rights.h"

/* No line of token.conf has more addresses. */
enum { ADDRESSES = 64 };

/* --- A login that fails --- */

static const char effect[] = "so that this machine counts and revokes alone";

/* What mends a fault: the first row of its step whose text is a part of it. A first letter that may be a
 * capital is left out. */
static const struct {
    enum engine_step step;
    const char *text;
    const char *remedy;
} remedies[] = {
    {ENGINE_CONNECTING, "Permission denied",
     "let the user of token-sync use the socket: unixsocketperm 770, and its group"},
    {ENGINE_CONNECTING, "ame", "correct the name in 'sync', or enter it into DNS or /etc/hosts"},
    {ENGINE_CONNECTING, "", "start Redis or Valkey, correct the address in 'sync', or open the firewall"},
    {ENGINE_TLS, "tls-auth-clients", "run in its redis-cli: CONFIG SET tls-auth-clients optional"},
    {ENGINE_TLS, "certificate is refused",
     "give it a certificate for the name in 'sync' that the system, or the file of SSL_CERT_FILE, trusts"},
    {ENGINE_TLS, "", "have it speak TLS at this port (tls-port), or set sync_tls = no"},
    {ENGINE_SENTINEL, "does not know", "correct the name in 'sync', or 'sentinel monitor' in sentinel.conf"},
    {ENGINE_SENTINEL, "NOPERM",
     "run in its redis-cli: ACL SETUSER default +sentinel|get-master-addr-by-name"},
    {ENGINE_SENTINEL, "unknown command", "it is no Sentinel: correct the address in 'sync'"},
    {ENGINE_AUTHENTICATING, "WRONGPASS",
     "write the password of this user into the file of sync_password_file, or correct sync_user"},
    {ENGINE_AUTHENTICATING, "without any password",
     "it asks for no password: remove sync_password_file, or give it one (requirepass, or ACL SETUSER)"},
    {ENGINE_ROLE, "NOAUTH", "set sync_user and sync_password_file to a user of the engine and its password"},
    {ENGINE_ROLE, "replica", "name the master in 'sync', or Sentinels that know it"},
};

/* At which step an engine notices what it does not expect depends on the configuration. */
static const struct {
    const char *text;
    const char *remedy;
} remedies_of_any_step[] = {
    {"closed the connection", "if it wants TLS, set sync_tls = yes; else its log says why"},
    {"reset by peer", "if it wants TLS, set sync_tls = yes; else its log says why"},
    {"rotocol error", "it is no Redis: correct the address in 'sync'"},
    {"DENIED", "give it a user with a password, for sync_user and sync_password_file"},
    {"no answer in time", "it hangs, or is no Redis: start it again, or correct the address in 'sync'"},
};

static const char *remedy_of(const struct engine_fault *fault)
{
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++) {
        if (remedies[i].step == fault->step && strstr(fault->text, remedies[i].text) != NULL)
            return remedies[i].remedy;
    }
    for (size_t i = 0; i < sizeof remedies_of_any_step / sizeof *remedies_of_any_step; i++) {
        if (strstr(fault->text, remedies_of_any_step[i].text) != NULL)
            return remedies_of_any_step[i].remedy;
    }
    return "its log says why";
}

static const char *user_of(const struct config *config)
{
    return config->sync_user != NULL ? config->sync_user : "default";
}

/* A fault of the password's file says itself what mends it, and was found before. */
static void add_fault(const struct config *config, const struct engine_fault *fault,
                      struct findings *findings)
{
    if (fault->step == ENGINE_PASSWORD)
        findings_add(findings, STEP_SYNC, FINDING_ERROR, "%s", fault->text);
    else if (fault->step == ENGINE_AUTHENTICATING)
        findings_add(findings, STEP_SYNC, FINDING_ERROR, "%s: the user %s is refused: %s, %s; %s",
                     fault->address, user_of(config), fault->text, effect, remedy_of(fault));
    else
        findings_add(findings, STEP_SYNC, FINDING_ERROR, "%s: %s, %s; %s", fault->address, fault->text,
                     effect, remedy_of(fault));
}

/* A replica that is named before the master is as it should be. */
static void note_fault(const struct engine_fault *fault, struct findings *findings)
{
    if (fault->step != ENGINE_ROLE)
        findings_add(findings, STEP_SYNC, FINDING_NOTE,
                     "%s: %s, so that the next address of 'sync' is used; %s", fault->address, fault->text,
                     remedy_of(fault));
}

/* --- A login that succeeds --- */

static void check_rights(const struct config *config, struct engine *engine, struct findings *findings)
{
    struct sync_rights rights;
    struct engine_fault fault = {.step = ENGINE_ROLE};
    const char *address = engine_address(engine);
    if (!sync_rights_find(engine, config, &rights, &fault)) {
        snprintf(fault.address, sizeof fault.address, "%s", address);
        add_fault(config, &fault, findings);
        return;
    }
    if (rights.missing[0] != '\0')
        findings_add(
            findings, STEP_SYNC, FINDING_ERROR,
            "%s: the user %s lacks rights, %s; run in redis-cli, on each Redis: ACL SETUSER %s %s; and "
            "write that into its aclfile",
            address, user_of(config), effect, user_of(config), rights.missing);
    if (rights.wrong_key[0] != '\0')
        findings_add(findings, STEP_SYNC, FINDING_ERROR,
                     "%s: the key %s has another type than token-sync's, %s; run in redis-cli: DEL %s",
                     address, rights.wrong_key, effect, rights.wrong_key);
    if (rights.refusal.text[0] != '\0')
        findings_add(
            findings, STEP_SYNC, FINDING_ERROR, "%s: %s, %s; %s", address, rights.refusal.text, effect,
            strncmp(rights.refusal.text, "OOM", 3) == 0 ? "raise its maxmemory" : "its log says why");
    if (rights.missing[0] == '\0' && rights.wrong_key[0] == '\0' && rights.refusal.text[0] == '\0')
        findings_add(findings, STEP_SYNC, FINDING_GOOD,
                     "%s: the user %s can log in, and has all rights that token-sync needs", address,
                     user_of(config));
}

/* One of the addresses is enough: token-sync takes the first that it can log in to. */
static void log_in(const struct config *config, struct findings *findings)
{
    struct engine_fault faults[ADDRESSES];
    size_t count = 0;
    struct text rest = text_of(config->sync);
    struct sync_address address;
    struct engine *engine = NULL;
    while (engine == NULL && count < ADDRESSES && sync_address_next(&rest, &address)) {
        faults[count] = (struct engine_fault){.text = ""};
        engine = engine_open(config, &address, &faults[count]);
        count += engine == NULL;
    }
    if (engine != NULL)
        check_rights(config, engine, findings);
    for (size_t i = 0; i < count; i++) {
        if (engine != NULL)
            note_fault(&faults[i], findings);
        else
            add_fault(config, &faults[i], findings);
    }
    engine_close(engine);
}

static void look_at_engine(void *context, struct findings *findings)
{
    const struct config *config = context;
    struct finding_sink sink = {findings, STEP_SYNC};
    struct diagnostics diagnostics = findings_diagnostics(&sink, config->owner);
    struct diagnostics quiet = {.on_message = diagnostics_ignore};
    privilege_become(config, &quiet);
    engine_password_check(config, &diagnostics);
    if (engine_config_is_supported(config, &diagnostics))
        log_in(config, findings);
}

/* --- The program --- */

static bool has_program(const struct responders *responders)
{
    for (size_t i = 0; i < responders->count; i++) {
        if (responders->list[i].is_sync && responders->list[i].is_ours)
            return true;
    }
    return false;
}

/* Keys that mean nothing without `sync`. */
static void warn_of_idle_keys(const struct doctor *doctor)
{
    static const char *const names[] = {"sync_user", "sync_password_file", "sync_tls", "sync_name",
                                        "sync_wait"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct config_key *key = config_key_find(names[i]);
        if ((doctor->config->given & UINT64_C(1) << (key - config_keys)) != 0)
            findings_add(doctor->findings, STEP_SYNC, FINDING_WARNING,
                         "%s: %s has no effect without 'sync'; run: tokenctl config set sync HOST:PORT",
                         doctor->config->file, names[i]);
    }
}

void doctor_sync(struct doctor *doctor)
{
    if (doctor->config->sync == NULL) {
        warn_of_idle_keys(doctor);
        return;
    }
    if (geteuid() == 0 && !has_program(&doctor->responders))
        findings_add(doctor->findings, STEP_SYNC, FINDING_WARNING,
                     "sync = %s, but no token-sync has the configuration %s, so that this machine counts and "
                     "revokes alone; start it",
                     doctor->config->sync, doctor->config->file);
    findings_of_child(doctor->findings, STEP_SYNC, look_at_engine, doctor->config);
}
