/* Answers of the program, checked against CONTRACT "POST …/token" and the sections after it. */
#ifndef ANSWER_H
#define ANSWER_H

#include <json-c/json_object.h>

#include "base/text.h"

struct answer {
    unsigned status;
    struct json_object *body;
    bool has_realm;
    bool has_bearer;  /* a check of a token has refused it */
    bool is_inactive; /* of introspection */
    bool is_empty;    /* of revocation */
    bool is_public;   /* keys or metadata, which are not logged */
    bool has_body;    /* an answer to HEAD has none */
};

/* Requires of an answer as CGI has it that its status is one of the contract, that the headers are those of
 * the status, and that the body, where there is one, is JSON of exactly the members that the status has. No
 * token is ever let in, as nobody can make one. Clear it. */
struct answer answer_require(struct text text);
void answer_clear(struct answer *answer);

#endif
