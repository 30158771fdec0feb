#include "doctor/curl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define ROW(name) {#name, offsetof(struct curl, name)},
static const struct {
    const char *name;
    size_t place;
} functions[] = {CURL_FUNCTIONS(ROW)};
#undef ROW

static bool find_functions(void *library, struct curl *curl)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(library, functions[i].name);
        if (function == NULL)
            return false;
        memcpy((char *)curl + functions[i].place, &function, sizeof function);
    }
    return true;
}

bool curl_load(struct curl *curl, char *fault, size_t size)
{
    void *library = dlopen(CURL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library != NULL && find_functions(library, curl)) {
        if (curl->curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
            return true;
        snprintf(fault, size, "libcurl cannot be initialised; memory may have run out");
        return false;
    }
    const char *reason = dlerror();
    snprintf(fault, size, "libcurl cannot be loaded: %s; run: apt install libcurl4",
             reason != NULL ? reason : CURL_LIBRARY);
    return false;
}
