#include "doctor/curl.h"

#include <stdio.h>

#include "base/library.h"

#define ROW(name) {#name, offsetof(struct curl, name)},
static const struct library_function functions[] = {CURL_FUNCTIONS(ROW)};
#undef ROW

bool curl_load(struct curl *curl, char *fault, size_t size)
{
    const char *reason = library_load(CURL_LIBRARY, functions, sizeof functions / sizeof *functions, curl);
    if (reason != NULL)
        snprintf(fault, size, "libcurl cannot be loaded: %s; run: apt install libcurl4", reason);
    else if (curl->curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        snprintf(fault, size, "libcurl cannot be initialised; memory may have run out");
    else
        return true;
    return false;
}
