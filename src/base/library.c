#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

/* A failure of dlopen() or dlsym() always has a reason. */
static const char *library_fault(void)
{
    const char *reason = dlerror();
    return reason != NULL ? reason : "not known why";
}

const char *library_load(const char *file, const struct library_function *functions, size_t count,
                         void *structure)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return library_fault();
    for (size_t i = 0; i < count; i++) {
        void *function = dlsym(library, functions[i].name);
        if (function == NULL)
            return library_fault();
        memcpy((char *)structure + functions[i].place, &function, sizeof function);
    }
    return NULL;
}
