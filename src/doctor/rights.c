/* What the service may do with its files, its state and its log: looked at as its user. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "process/privilege.h"
#include "throttle/throttle_store.h"
#include "token/revocation.h"

enum { FULL_BYTES = 256 * 1024, NEARLY_FULL_BYTES = 16 * 1024 * 1024 };

/* --- The disk --- */

/* An LMDB file needs locks and a memory map that all processes share. */
static const char *name_of_remote(unsigned long type)
{
    static const struct {
        unsigned long type;
        const char *name;
    } remote[] = {{0x6969, "NFS"}, {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"}, {0x00c36400, "Ceph"}};
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
        if ((type & 0xffffffffUL) == remote[i].type)
            return remote[i].name;
    }
    return NULL;
}

/* Returns the folder of a path, which the caller frees. NULL if memory runs out. */
static char *folder_of(const char *path)
{
    char *folder = text_copy(text_of(path));
    char *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    if (slash != NULL && slash != folder)
        *slash = '\0';
    return folder;
}

static void check_space(struct findings *findings, enum finding_step step, const char *folder)
{
    struct statfs status;
    if (statfs(folder, &status) != 0)
        return;
    const uint64_t bytes = (uint64_t)status.f_bavail * (uint64_t)status.f_bsize;
    if (bytes < FULL_BYTES || (status.f_files > 0 && status.f_ffree == 0))
        findings_add(findings, step, FINDING_ERROR,
                     "%s: the disk is full: %llu KiB and %llu files are left; make space there, or move it "
                     "(token.conf)",
                     folder, (unsigned long long)bytes / 1024, (unsigned long long)status.f_ffree);
    else if (bytes < NEARLY_FULL_BYTES)
        findings_add(findings, step, FINDING_WARNING,
                     "%s: the disk is nearly full: %llu KiB are left; make space there", folder,
                     (unsigned long long)bytes / 1024);
    const char *remote = name_of_remote((unsigned long)status.f_type);
    if (remote != NULL && step == STEP_STATE)
        findings_add(findings, step, FINDING_ERROR,
                     "%s: this is %s, where processes cannot share the state; set 'state' to a local disk",
                     folder, remote);
}

/* --- State and log --- */

struct view {
    const struct config *config;
    bool makes_log;            /* a start by root would make the log file */
    bool denials_are_reported; /* by privilege_become() */
};

static bool is_denial_reported(const struct view *view, const char *path, int mode)
{
    return view->denials_are_reported && access(path, mode) != 0 && errno == EACCES;
}

static void check_state(const struct view *view, struct findings *findings)
{
    const struct config *config = view->config;
    struct finding_sink sink = {findings, STEP_STATE};
    struct diagnostics diagnostics = findings_diagnostics(&sink, config->owner);
    check_space(findings, STEP_STATE, config->state);
    if (is_denial_reported(view, config->state, R_OK | W_OK | X_OK))
        return;
    if (throttle_store_check(config->state, &diagnostics) && revocations_check(config->state, &diagnostics) &&
        !findings_are_bad(findings, STEP_STATE))
        findings_add(findings, STEP_STATE, FINDING_GOOD, "%s: can be written", config->state);
}

static void check_log_file(const struct view *view, struct findings *findings)
{
    const struct config *config = view->config;
    char *folder = folder_of(config->log);
    if (folder == NULL)
        return;
    check_space(findings, STEP_LOG, folder);
    free(folder);
    if (!view->makes_log && !log_can_be_opened(config->log))
        findings_add(findings, STEP_LOG, FINDING_ERROR,
                     "%s: the log cannot be opened: %s; make its folder, and let %s write there", config->log,
                     strerror(errno), config->user != NULL ? config->user : "this user");
}

static void check_log(const struct view *view, struct findings *findings)
{
    const char *log = view->config->log;
    if (is_denial_reported(view, log, W_OK))
        return;
    if (strcmp(log, "syslog") == 0 && !log_is_received(log))
        findings_add(findings, STEP_LOG, FINDING_WARNING,
                     "log = syslog, but no daemon listens at /dev/log: %s; start one, or set 'log' to a file",
                     strerror(errno));
    else if (strcmp(log, "syslog") != 0 && strcmp(log, "stderr") != 0)
        check_log_file(view, findings);
    if (!findings_are_bad(findings, STEP_LOG))
        findings_add(findings, STEP_LOG, FINDING_GOOD, "%s", log);
}

/* --- As the user --- */

static void look_as_user(void *context, struct findings *findings)
{
    struct view *view = context;
    const struct config *config = view->config;
    struct finding_sink sink = {findings, STEP_FILES};
    struct diagnostics diagnostics = findings_diagnostics(&sink, config->owner);
    view->denials_are_reported = geteuid() == 0 && (config->user != NULL || config->group != NULL);
    if (privilege_become(config, &diagnostics) && view->denials_are_reported)
        findings_add(findings, STEP_FILES, FINDING_GOOD, "%s may use what the configuration names",
                     config->user != NULL ? config->user : "root");
    check_log(view, findings);
    if (privilege_become_owner(config, &diagnostics))
        check_state(view, findings);
}

void doctor_rights(struct doctor *doctor)
{
    struct view view = {.config = doctor->config, .makes_log = privilege_makes_log(doctor->config)};
    findings_of_child(doctor->findings, STEP_FILES, look_as_user, &view);
}
