/* A folder with a key set, and the service of its token.conf. */
#ifndef SERVICE_FIXTURE_H
#define SERVICE_FIXTURE_H

#include "fixture.h"

#include "service/service.h"
#include "token/keyset_file.h"

/* Group setup: enters a new folder, whose keys.jwks has one key. leave_folder() is its teardown. */
static inline int enter_folder_with_key(void **state)
{
    struct collected problems;
    struct keyset_rotation rotation = {.now = 1};
    return enter_folder(state) == 0 && keyset_file_rotate("keys.jwks", &rotation, collect(&problems)) ? 0
                                                                                                      : -1;
}

static inline struct service *load_token_conf(void)
{
    struct collected problems;
    struct service *service = service_load("token.conf", collect(&problems));
    if (service == NULL)
        fail_msg("%s", problems.text);
    return service;
}

/* As a plain CGI process does, which scans the accounts file. */
static inline struct service *load_for_one_request(void)
{
    struct collected problems;
    struct config *config = config_load("token.conf", collect(&problems));
    assert_non_null(config);
    struct service *service = service_for_one_request(
        config, log_open("log", LOG_LEVEL_INFO, LOG_FORMAT_TEXT), &problems.diagnostics);
    if (service == NULL)
        fail_msg("%s", problems.text);
    return service;
}

#endif
