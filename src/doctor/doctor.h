/* Looks at everything between a client and its token: the files, as the user of the service, the running
 * processes and their socket, and what arrives through the web server. Changes nothing. */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include "account/account_table.h"
#include "config/config.h"
#include "doctor/finding.h"
#include "doctor/responder.h"
#include "token/keyset.h"

struct doctor {
    const char *config_file;
    const char *url;       /* where the endpoints are; NULL: at the issuer */
    const char *user;      /* who the service runs as; NULL: as the configuration says, or as it runs */
    struct text client_id; /* to fetch a token for; absent: none */
    struct text secret;
    struct findings *findings;
    struct config *config;          /* NULL: it is not usable; `user` and `owner` are those looked as */
    struct account_table *accounts; /* NULL: not usable */
    struct keyset *keys;            /* NULL: not usable */
    struct responders responders;
};

/* Makes all steps, and adds what was found. `doctor` has the members up to `findings`. */
void doctor_look(struct doctor *doctor);

/* --- The steps --- */

void doctor_configuration(struct doctor *doctor);
/* The following need a configuration. */
void doctor_files(struct doctor *doctor);
void doctor_accounts(struct doctor *doctor);
void doctor_keys(struct doctor *doctor);
/* Files, state and log, as the user of the service. */
void doctor_rights(struct doctor *doctor);
/* Whether token-sync runs, and can log in to the engine that machines exchange through, and use it. */
void doctor_sync(struct doctor *doctor);
void doctor_socket(struct doctor *doctor);
/* From the connection to the token. */
void doctor_web(struct doctor *doctor);

#endif
