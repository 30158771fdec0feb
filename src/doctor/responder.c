#include "doctor/responder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "config/config.h"

enum { PROC_LIMIT = 16 * 1024 * 1024, PROC_PATH = 64 };

/* --- One file of /proc --- */

/* Returns false if the process has gone, or belongs to somebody else. */
static bool read_of(const char *pid, const char *name, struct file_content *content)
{
    char path[PROC_PATH];
    snprintf(path, sizeof path, "/proc/%.16s/%s", pid, name);
    return file_read(path, PROC_LIMIT, content);
}

static bool has_program_name(const char *pid, const char *const *names, char found[PEER_NAME])
{
    struct file_content content;
    if (!read_of(pid, "comm", &content))
        return false;
    const struct text name = {content.data, strcspn(content.data, "\n")};
    bool is_found = false;
    for (size_t i = 0; names[i] != NULL && !is_found; i++) {
        is_found = text_is(name, names[i]);
        if (is_found)
            snprintf(found, PEER_NAME, "%s", names[i]);
    }
    file_content_free(&content);
    return is_found;
}

/* Returns the text after "NAME:" in /proc/PID/status, NULL if there is none. */
static const char *status_line(const char *status, const char *name)
{
    const char *line = strstr(status, name);
    return line != NULL ? line + strlen(name) : NULL;
}

/* The effective ID is the second of four. */
static bool read_id(const char *line, unsigned long *id)
{
    char *end = NULL;
    if (line == NULL)
        return false;
    strtoul(line, &end, 10);
    *id = strtoul(end, &end, 10);
    return true;
}

/* --- Listening sockets --- */

struct listening {
    struct file_content unix_sockets;
    struct file_content tcp;
    struct file_content tcp6;
};

/* Skips `count` fields that spaces separate. */
static const char *skip_fields(const char *line, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        line += strspn(line, " ");
        line += strcspn(line, " \n");
    }
    return line + strspn(line, " ");
}

static const char *next_table_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end != NULL ? end + 1 : line + strlen(line);
}

/* Num RefCount Protocol Flags Type St Inode Path; the flag is __SO_ACCEPTCON. */
static bool find_unix(const char *table, uint64_t inode, char out[RESPONDER_PATH])
{
    for (const char *line = table; line != NULL && *line != '\0'; line = next_table_line(line)) {
        const char *flags = skip_fields(line, 3);
        const char *number = skip_fields(line, 6);
        if (strncmp(flags, "00010000", 8) != 0 || strtoull(number, NULL, 10) != inode)
            continue;
        const char *path = skip_fields(number, 1);
        snprintf(out, RESPONDER_PATH, "%.*s", (int)strcspn(path, "\n"), path);
        return true;
    }
    return false;
}

/* sl local_address rem_address st … inode, which is the tenth; state 0A is LISTEN. */
static bool find_tcp(const char *table, uint64_t inode, char out[RESPONDER_PATH])
{
    for (const char *line = table; line != NULL && *line != '\0'; line = next_table_line(line)) {
        const char *address = skip_fields(line, 1);
        const char *state = skip_fields(line, 3);
        if (strncmp(state, "0A ", 3) != 0 || strtoull(skip_fields(line, 9), NULL, 10) != inode)
            continue;
        const char *port = memchr(address, ':', strcspn(address, " \n"));
        snprintf(out, RESPONDER_PATH, "port %lu", port != NULL ? strtoul(port + 1, NULL, 16) : 0);
        return true;
    }
    return false;
}

static bool find_socket(const struct listening *listening, const char *link, char out[RESPONDER_PATH])
{
    static const char prefix[] = "socket:[";
    if (strncmp(link, prefix, sizeof prefix - 1) != 0)
        return false;
    const uint64_t inode = strtoull(link + sizeof prefix - 1, NULL, 10);
    return find_unix(listening->unix_sockets.data, inode, out) || find_tcp(listening->tcp.data, inode, out) ||
           find_tcp(listening->tcp6.data, inode, out);
}

/* Reads where descriptor `name` leads. Returns false if that cannot be seen. */
static bool read_descriptor_link(const char *pid, const char *name, char out[PATH_MAX])
{
    char path[PROC_PATH];
    snprintf(path, sizeof path, "/proc/%.16s/fd/%.16s", pid, name);
    const ssize_t length = readlink(path, out, PATH_MAX - 1);
    out[length > 0 ? length : 0] = '\0';
    return length > 0;
}

static void look_at_descriptors(const char *pid, const struct listening *listening,
                                struct responder *responder)
{
    char path[PROC_PATH];
    char link[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%.16s/fd", pid);
    responder->loses_stderr = read_descriptor_link(pid, "2", link) && strcmp(link, "/dev/null") == 0;
    DIR *descriptors = opendir(path);
    for (struct dirent *entry; descriptors != NULL && (entry = readdir(descriptors)) != NULL;) {
        if (read_descriptor_link(pid, entry->d_name, link) && find_socket(listening, link, responder->socket))
            break;
    }
    if (descriptors != NULL)
        closedir(descriptors);
}

/* --- Its configuration --- */

/* Finds "-c FILE" or "-cFILE" among the arguments, else TOKEN_CONF=FILE in the environment. */
static void read_config_name(const char *pid, char out[RESPONDER_PATH])
{
    static const char variable[] = "TOKEN_CONF=";
    struct file_content content;
    snprintf(out, RESPONDER_PATH, "%s", SYSCONFDIR "/token/token.conf");
    if (read_of(pid, "environ", &content)) {
        for (const char *item = content.data; item < content.data + content.size; item += strlen(item) + 1) {
            if (strncmp(item, variable, sizeof variable - 1) == 0 && item[sizeof variable - 1] != '\0')
                snprintf(out, RESPONDER_PATH, "%s", item + sizeof variable - 1);
        }
        file_content_free(&content);
    }
    if (!read_of(pid, "cmdline", &content))
        return;
    const char *end = content.data + content.size;
    for (const char *item = content.data; item < end; item += strlen(item) + 1) {
        const char *next = item + strlen(item) + 1;
        if (strcmp(item, "-c") == 0 && next < end)
            snprintf(out, RESPONDER_PATH, "%s", next);
        else if (strncmp(item, "-c", 2) == 0 && item[2] != '\0')
            snprintf(out, RESPONDER_PATH, "%s", item + 2);
    }
    file_content_free(&content);
}

/* A relative name is relative to the folder of that process. */
static void find_config(const char *pid, struct responder *responder)
{
    char name[RESPONDER_PATH];
    char whole[PROC_PATH + RESPONDER_PATH];
    char resolved[PATH_MAX];
    read_config_name(pid, name);
    snprintf(whole, sizeof whole, "/proc/%.16s/cwd/%s", pid, name);
    const char *found = realpath(name[0] == '/' ? name : whole, resolved);
    snprintf(responder->config, sizeof responder->config, "%.*s", RESPONDER_PATH - 1,
             found != NULL ? found : name);
}

/* --- Processes --- */

static void add_responder(struct responders *responders, const char *pid, bool is_sync,
                          const struct listening *listening, const char *config_file)
{
    struct responder *responder = &responders->list[responders->count];
    struct file_content status;
    unsigned long user = 0;
    *responder = (struct responder){.pid = (pid_t)strtol(pid, NULL, 10), .is_sync = is_sync};
    if (!read_of(pid, "status", &status))
        return;
    const bool is_read = read_id(status_line(status.data, "\nUid:"), &user);
    file_content_free(&status);
    if (!is_read)
        return;
    responder->user = (uid_t)user;
    find_config(pid, responder);
    responder->is_ours = strcmp(responder->config, config_file) == 0;
    look_at_descriptors(pid, listening, responder);
    responders->count++;
}

/* Calls `visit` with the number of each process, until it returns false. */
static void each_process(bool (*visit)(void *context, const char *pid), void *context)
{
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes != NULL && (entry = readdir(processes)) != NULL;) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && !visit(context, entry->d_name))
            break;
    }
    if (processes != NULL)
        closedir(processes);
}

struct search {
    struct responders *responders;
    const struct listening *listening;
    const char *config_file;
};

static bool visit_responder(void *context, const char *pid)
{
    static const char *const names[] = {"token.fcgi", "token-sync", NULL};
    const struct search *search = context;
    char name[PEER_NAME];
    if (has_program_name(pid, names, name))
        add_responder(search->responders, pid, strcmp(name, names[1]) == 0, search->listening,
                      search->config_file);
    return search->responders->count < RESPONDERS_MAX;
}

void responders_find(struct responders *responders, const char *config_file)
{
    char resolved[PATH_MAX];
    struct listening listening;
    const char *file = realpath(config_file, resolved);
    const struct search search = {responders, &listening, file != NULL ? file : config_file};
    responders->count = 0;
    file_read("/proc/net/unix", PROC_LIMIT, &listening.unix_sockets);
    file_read("/proc/net/tcp", PROC_LIMIT, &listening.tcp);
    file_read("/proc/net/tcp6", PROC_LIMIT, &listening.tcp6);
    each_process(visit_responder, (void *)&search);
    file_content_free(&listening.unix_sockets);
    file_content_free(&listening.tcp);
    file_content_free(&listening.tcp6);
}

void responders_disown_strangers(struct responders *responders, uid_t user)
{
    for (size_t i = 0; i < responders->count; i++) {
        struct responder *responder = &responders->list[i];
        responder->is_stranger = responder->is_ours && responder->user != 0 && responder->user != user;
        responder->is_ours = responder->is_ours && !responder->is_stranger;
    }
}

const struct responder *responders_ours(const struct responders *responders)
{
    for (size_t i = 0; i < responders->count; i++) {
        if (responders->list[i].is_ours && !responders->list[i].is_sync)
            return &responders->list[i];
    }
    return NULL;
}

/* --- Web servers --- */

struct peer_search {
    struct peer *peers;
    size_t count;
    size_t limit;
};

static void read_groups(const char *line, struct peer *peer)
{
    while (line != NULL && *line != '\n' && peer->group_count < PEER_GROUPS_MAX) {
        char *end = NULL;
        const unsigned long group = strtoul(line, &end, 10);
        if (end == line)
            return;
        peer->groups[peer->group_count++] = (gid_t)group;
        line = end + strspn(end, " \t");
    }
}

static void add_peer(struct peer_search *search, const char *status, const char *name)
{
    struct peer *peer = &search->peers[search->count];
    unsigned long user = 0;
    unsigned long group = 0;
    if (!read_id(status_line(status, "\nUid:"), &user) || user == 0 ||
        !read_id(status_line(status, "\nGid:"), &group))
        return;
    for (size_t i = 0; i < search->count; i++) {
        if (search->peers[i].user == (uid_t)user && strcmp(search->peers[i].name, name) == 0)
            return;
    }
    *peer = (struct peer){.user = (uid_t)user, .group = (gid_t)group};
    snprintf(peer->name, sizeof peer->name, "%s", name);
    read_groups(status_line(status, "\nGroups:"), peer);
    search->count++;
}

static bool visit_peer(void *context, const char *pid)
{
    static const char *const names[] = {"nginx", "apache2", "httpd",   "lighttpd",
                                        "caddy", "h2o",     "haproxy", NULL};
    struct peer_search *search = context;
    struct file_content status;
    char name[PEER_NAME];
    if (has_program_name(pid, names, name) && read_of(pid, "status", &status)) {
        add_peer(search, status.data, name);
        file_content_free(&status);
    }
    return search->count < search->limit;
}

size_t peers_find(struct peer *peers, size_t limit)
{
    struct peer_search search = {.peers = peers, .limit = limit};
    each_process(visit_peer, &search);
    return search.count;
}
