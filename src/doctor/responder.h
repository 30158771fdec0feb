/* The running processes of token.fcgi and token-sync, and of web servers, as /proc shows them. */
#ifndef DOCTOR_RESPONDER_H
#define DOCTOR_RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { RESPONDERS_MAX = 64, PEER_GROUPS_MAX = 64, RESPONDER_PATH = 1024, PEER_NAME = 16 };

struct responder {
    pid_t pid;
    uid_t user;
    bool is_sync;     /* it is token-sync */
    bool is_ours;     /* it has the doctor's configuration */
    bool is_stranger; /* that, too, but it is of a user who is not known to be the service's */
    bool loses_stderr;
    char config[RESPONDER_PATH];
    char socket[RESPONDER_PATH]; /* "/run/token/token.sock" or "port 9000"; "": none, as of CGI, or not known
                                  */
};

struct responders {
    size_t count;
    struct responder list[RESPONDERS_MAX];
};

/* Finds the processes of token.fcgi and token-sync. Only root sees whose sockets are whose. */
void responders_find(struct responders *responders, const char *config_file);

/* Those that run neither as root nor as `user`, the service's, are ours no more: any user can start a program
 * of that name with that configuration, and what mends its faults would give him the files. */
void responders_disown_strangers(struct responders *responders, uid_t user);

/* Returns the first token.fcgi that has the doctor's configuration, NULL if there is none. */
const struct responder *responders_ours(const struct responders *responders);

/* A web server, and a user whom it runs as. */
struct peer {
    char name[PEER_NAME]; /* of the program */
    uid_t user;
    gid_t group;
    size_t group_count;
    gid_t groups[PEER_GROUPS_MAX];
};

/* Finds the web servers that run, with each user but root. Returns how many, at most `limit`. */
size_t peers_find(struct peer *peers, size_t limit);

#endif
