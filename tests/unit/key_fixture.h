/* A folder with a key set, which a service needs. */
#ifndef KEY_FIXTURE_H
#define KEY_FIXTURE_H

#include "fixture.h"

#include "token/keyset_file.h"

/* Group setup: enters a new folder, whose keys.jwks has one key. leave_folder() is its teardown. */
static inline int enter_folder_with_key(void **state)
{
    struct collected problems;
    struct keyset_rotation rotation = {.now = 1};
    return enter_folder(state) == 0 && keyset_file_rotate("keys.jwks", &rotation, collect(&problems)) ? 0
                                                                                                      : -1;
}

#endif
