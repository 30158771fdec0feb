#include "doctor/finding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

const char *finding_step_name(enum finding_step step)
{
    static const char *const names[FINDING_STEPS] = {
        [STEP_CONFIGURATION] = "configuration",
        [STEP_FILES] = "files",
        [STEP_ACCOUNTS] = "accounts",
        [STEP_KEYS] = "keys",
        [STEP_STATE] = "state",
        [STEP_LOG] = "log",
        [STEP_SYNC] = "sync",
        [STEP_SOCKET] = "socket",
        [STEP_CONNECTION] = "connection",
        [STEP_TLS] = "tls",
        [STEP_MOUNT] = "mount",
        [STEP_REQUEST] = "request",
        [STEP_SOURCE] = "source",
        [STEP_BODY] = "body",
        [STEP_PUBLISHED] = "published",
        [STEP_CLOCK] = "clock",
        [STEP_TOKEN] = "token",
    };
    return names[step];
}

const char *finding_weight_name(enum finding_weight weight)
{
    static const char *const names[FINDING_WEIGHTS] = {[FINDING_GOOD] = "good",
                                                       [FINDING_NOTE] = "note",
                                                       [FINDING_WARNING] = "warning",
                                                       [FINDING_ERROR] = "error"};
    return names[weight];
}

static bool is_kept(const struct findings *findings, const char *text)
{
    for (size_t i = 0; i < findings->count; i++) {
        if (strcmp(findings->list[i].text, text) == 0)
            return true;
    }
    return false;
}

static void keep_finding(struct findings *findings, const struct finding *finding)
{
    if (is_kept(findings, finding->text))
        return;
    findings->of_weight[finding->weight]++;
    if (findings->of_step[finding->step]++ < FINDINGS_OF_STEP)
        findings->list[findings->count++] = *finding;
}

void findings_add(struct findings *findings, enum finding_step step, enum finding_weight weight,
                  const char *format, ...)
{
    struct finding finding = {.step = step, .weight = weight};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding.text, sizeof finding.text, format, arguments);
    va_end(arguments);
    text_make_printable(finding.text, strlen(finding.text));
    keep_finding(findings, &finding);
}

bool findings_are_bad(const struct findings *findings, enum finding_step step)
{
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->list[i].step == step && findings->list[i].weight >= FINDING_WARNING)
            return true;
    }
    return false;
}

static void add_diagnostic(void *context, enum severity severity, const char *message)
{
    const struct finding_sink *sink = context;
    findings_add(sink->findings, sink->step, severity == SEVERITY_ERROR ? FINDING_ERROR : FINDING_WARNING,
                 "%s", message);
}

struct diagnostics findings_diagnostics(struct finding_sink *sink, uid_t user)
{
    return (struct diagnostics){.on_message = add_diagnostic, .context = sink, .user = user};
}

/* --- A process of its own --- */

static bool send_all(int descriptor, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(descriptor, data, size);
        if (written < 0 && errno != EINTR)
            return false;
        data += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* Returns false at the end. */
static bool receive_finding(int descriptor, struct finding *finding)
{
    size_t filled = 0;
    while (filled < sizeof *finding) {
        const ssize_t got = read(descriptor, (char *)finding + filled, sizeof *finding - filled);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        filled += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static _Noreturn void run_child(int descriptor, void (*look)(void *context, struct findings *findings),
                                void *context)
{
    struct findings *own = calloc(1, sizeof *own);
    bool good = own != NULL;
    if (good)
        look(context, own);
    for (size_t i = 0; good && i < own->count; i++)
        good = send_all(descriptor, (const char *)&own->list[i], sizeof own->list[i]);
    free(own);
    _exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void add_end_of_child(struct findings *findings, enum finding_step step, int status)
{
    if (WIFSIGNALED(status))
        findings_add(findings, step, FINDING_ERROR,
                     "the doctor's process for this step was ended by signal %d; run it again",
                     WTERMSIG(status));
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS)
        findings_add(findings, step, FINDING_ERROR,
                     "the doctor's process for this step failed: out of memory; run it again");
}

void findings_of_child(struct findings *findings, enum finding_step step,
                       void (*look)(void *context, struct findings *findings), void *context)
{
    int ends[2];
    int status = 0;
    if (pipe(ends) != 0) {
        findings_add(findings, step, FINDING_ERROR, "the doctor cannot look: %s", strerror(errno));
        return;
    }
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_child(ends[1], look, context);
    }
    close(ends[1]);
    struct finding finding;
    while (child > 0 && receive_finding(ends[0], &finding))
        keep_finding(findings, &finding);
    close(ends[0]);
    if (child < 0)
        findings_add(findings, step, FINDING_ERROR, "the doctor cannot look: %s", strerror(errno));
    else if (waitpid(child, &status, 0) == child)
        add_end_of_child(findings, step, status);
}
