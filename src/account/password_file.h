/* Reads the users of password files of other programs: htpasswd, mosquitto, Dovecot's passwd-file,
 * pam_pwdfile and an accounts file have USER:HASH, db_load for vsftpd has lines of USER and PASSWORD in turn.
 */
#ifndef ACCOUNT_PASSWORD_FILE_H
#define ACCOUNT_PASSWORD_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct password_file {
    struct text rest;
    size_t line;   /* of the last entry */
    bool in_pairs; /* no line has a colon: lines of user and password in turn */
};

/* One user. The texts point into the file. */
struct password_entry {
    size_t line;
    struct text client_id;
    struct text hash;       /* of crypt(3), perhaps; absent if `secret` or `why` is set */
    struct text attributes; /* of an accounts file; absent: none */
    struct text secret;     /* in plain text; absent: there is a hash */
    const char *why;        /* why the user cannot be taken as he is, a constant; NULL: perhaps he can */
    bool is_restricted;     /* with `why`: a new secret does not help */
};

/* Returns NULL, or why `content` cannot be a password file: a constant. */
const char *password_file_open(struct password_file *file, struct text content);

/* Reads the next user; comments and blank lines are left out. False: there are no more. */
bool password_file_next(struct password_file *file, struct password_entry *entry);

#endif
