/* The running processes of token.fcgi, and whether the web server may connect to them. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/doctor.h"

enum { PEERS_MAX = 8, OTHERS_SHOWN = 3, NAME_SIZE = 64 };

static const char *name_of(uid_t user, char out[NAME_SIZE])
{
    const struct passwd *entry = getpwuid(user);
    if (entry != NULL)
        snprintf(out, NAME_SIZE, "%s", entry->pw_name);
    else
        snprintf(out, NAME_SIZE, "%lu", (unsigned long)user);
    return out;
}

/* --- May the web server connect --- */

struct trial {
    const struct peer *peer;
    const char *path;
};

/* Finds the outermost folder of `path` that this process may not enter. Returns false if there is none. */
static bool find_closed_folder(const char *path, char out[RESPONDER_PATH])
{
    snprintf(out, RESPONDER_PATH, "%s", path);
    for (char *slash = strchr(out + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (access(out, X_OK) != 0)
            return true;
        *slash = '/';
    }
    return false;
}

static void report_closed(const struct trial *trial, struct findings *findings)
{
    char closed[RESPONDER_PATH];
    char user[NAME_SIZE];
    struct stat status;
    const struct peer *peer = trial->peer;
    const struct group *group = getgrgid(peer->group);
    const char *group_name = group != NULL ? group->gr_name : "the group of the web server";
    name_of(peer->user, user);
    if (find_closed_folder(trial->path, closed))
        findings_add(findings, STEP_SOCKET, FINDING_ERROR,
                     "%s: %s, which runs as %s, may not enter the folder %s; run: chgrp %s '%s' && chmod g+x "
                     "'%s'",
                     trial->path, peer->name, user, closed, group_name, closed, closed);
    else if (stat(trial->path, &status) == 0)
        findings_add(findings, STEP_SOCKET, FINDING_ERROR,
                     "%s: mode %04o does not let %s connect, which runs as %s; run: chgrp %s '%s' && chmod "
                     "0660 '%s', and see to SocketGroup= and SocketMode= (systemd), or -M 0660 (spawn-fcgi)",
                     trial->path, (unsigned)(status.st_mode & 07777), peer->name, user, group_name,
                     trial->path, trial->path);
}

/* Asks the kernel as the web server's user. Connecting takes the right to write. */
static void try_to_connect(void *context, struct findings *findings)
{
    const struct trial *trial = context;
    const struct peer *peer = trial->peer;
    if (setgroups(peer->group_count, peer->groups) != 0 ||
        setresgid(peer->group, peer->group, peer->group) != 0 ||
        setresuid(peer->user, peer->user, peer->user) != 0) {
        findings_add(findings, STEP_SOCKET, FINDING_NOTE,
                     "the doctor cannot look at the socket as the user of %s: %s", peer->name,
                     strerror(errno));
        return;
    }
    if (access(trial->path, W_OK) == 0) {
        char user[NAME_SIZE];
        findings_add(findings, STEP_SOCKET, FINDING_GOOD, "%s: %s may connect, as %s", trial->path,
                     peer->name, name_of(peer->user, user));
    } else if (errno == EACCES) {
        report_closed(trial, findings);
    }
}

/* On a machine with several web servers one of them is enough. */
static void check_peers(const struct doctor *doctor, const char *path)
{
    struct peer peers[PEERS_MAX];
    const size_t count = peers_find(peers, PEERS_MAX);
    struct findings *found = calloc(1, sizeof *found);
    for (size_t i = 0; found != NULL && i < count; i++) {
        struct trial trial = {&peers[i], path};
        findings_of_child(found, STEP_SOCKET, try_to_connect, &trial);
    }
    for (size_t i = 0; found != NULL && i < found->count; i++) {
        const bool is_enough = found->of_weight[FINDING_GOOD] > 0;
        if (!is_enough || found->list[i].weight == FINDING_GOOD)
            findings_add(doctor->findings, STEP_SOCKET, found->list[i].weight, "%s", found->list[i].text);
    }
    if (count == 0)
        findings_add(doctor->findings, STEP_SOCKET, FINDING_NOTE,
                     "%s: no web server runs whose user could be tried", path);
    free(found);
}

static void check_path(const struct doctor *doctor, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        findings_add(doctor->findings, STEP_SOCKET, FINDING_ERROR,
                     "%s: token.fcgi listens there, but the path has gone; start it again", path);
        return;
    }
    if ((status.st_mode & S_IWOTH) != 0)
        findings_add(doctor->findings, STEP_SOCKET, FINDING_NOTE,
                     "%s: mode %04o: who may enter its folder can connect, and claim any source address; "
                     "mode 0660 and the web server's group are enough",
                     path, (unsigned)(status.st_mode & 07777));
    check_peers(doctor, path);
}

/* --- Who runs --- */

static void warn_of_user(const struct doctor *doctor, const struct responder *responder, const char *user)
{
    const char *expected = doctor->config->user;
    findings_add(doctor->findings, STEP_SOCKET, FINDING_WARNING,
                 "process %ld runs as %s, and not as %s (token.conf or --user); start it as root, or as %s",
                 (long)responder->pid, user, expected, expected);
}

static void check_process(const struct doctor *doctor, const struct responder *responder)
{
    const struct config *config = doctor->config;
    char user[NAME_SIZE];
    name_of(responder->user, user);
    findings_add(doctor->findings, STEP_SOCKET, FINDING_GOOD,
                 "process %ld of token.fcgi, as %s, listens at %s", (long)responder->pid, user,
                 responder->socket[0] != '\0' ? responder->socket : "no socket");
    if (config->user != NULL && responder->user != config->owner)
        warn_of_user(doctor, responder, user);
    if (responder->loses_stderr && strcmp(config->log, "stderr") == 0)
        findings_add(
            doctor->findings, STEP_LOG, FINDING_WARNING,
            "log = stderr, but that of process %ld is /dev/null, as spawn-fcgi has it; run: tokenctl "
            "config set log syslog, or the path of a file",
            (long)responder->pid);
}

static void report_stranger(const struct doctor *doctor, const struct responder *responder)
{
    const struct config *config = doctor->config;
    char user[NAME_SIZE];
    name_of(responder->user, user);
    if (config->user != NULL)
        warn_of_user(doctor, responder, user);
    else
        findings_add(doctor->findings, STEP_SOCKET, FINDING_WARNING,
                     "process %ld runs as %s; if you have started it so, set 'user' in %s, or give --user",
                     (long)responder->pid, user, config->file);
}

/* Each socket once, however many processes listen on it. */
static bool is_first(const struct responders *responders, size_t index)
{
    const struct responder *one = &responders->list[index];
    for (size_t i = 0; i < index; i++) {
        if (responders->list[i].is_ours && !responders->list[i].is_sync &&
            strcmp(responders->list[i].socket, one->socket) == 0)
            return false;
    }
    return true;
}

static void note_others(const struct doctor *doctor)
{
    size_t shown = 0;
    for (size_t i = 0; i < doctor->responders.count && shown < OTHERS_SHOWN; i++) {
        const struct responder *other = &doctor->responders.list[i];
        if (other->is_ours || other->is_stranger || other->is_sync)
            continue;
        shown++;
        findings_add(doctor->findings, STEP_SOCKET, FINDING_NOTE,
                     "process %ld of token.fcgi has another configuration: %s", (long)other->pid,
                     other->config);
    }
}

void doctor_socket(struct doctor *doctor)
{
    const struct responders *responders = &doctor->responders;
    if (geteuid() != 0) {
        findings_add(doctor->findings, STEP_SOCKET, FINDING_NOTE,
                     "only root sees who listens where; run the doctor as root");
        return;
    }
    for (size_t i = 0; i < responders->count; i++) {
        const struct responder *responder = &responders->list[i];
        if (responder->is_stranger && !responder->is_sync)
            report_stranger(doctor, responder);
        if (!responder->is_ours || responder->is_sync || !is_first(responders, i))
            continue;
        check_process(doctor, responder);
        if (responder->socket[0] == '/')
            check_path(doctor, responder->socket);
    }
    if (responders_ours(responders) != NULL)
        return;
    findings_add(
        doctor->findings, STEP_SOCKET, FINDING_NOTE,
        "no process of token.fcgi has the configuration %s; there is none with CGI, or until the web "
        "server or systemd starts it",
        doctor->config->file);
    note_others(doctor);
}
