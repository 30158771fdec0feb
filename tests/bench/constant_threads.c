/* An ordinary libfcgi program: a thread a connection, each accepting on descriptor 0; reads the body and
 * answers a constant. */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>

#include "constant.h"

enum { THREADS = 300 };

static void *serve(void *context)
{
    FCGX_Request request;
    (void)context;
    FCGX_InitRequest(&request, 0, 0);
    while (FCGX_Accept_r(&request) == 0) {
        char body[4096];
        while (FCGX_GetStr(body, sizeof body, request.in) > 0)
            ;
        FCGX_PutStr(CONSTANT_HEADERS CONSTANT_JSON, sizeof(CONSTANT_HEADERS CONSTANT_JSON) - 1, request.out);
        FCGX_Finish_r(&request);
    }
    return NULL;
}

int main(void)
{
    pthread_t thread;
    FCGX_Init();
    for (int i = 1; i < THREADS; i++) {
        if (pthread_create(&thread, NULL, serve, NULL) != 0)
            return EXIT_FAILURE;
    }
    serve(NULL);
    return EXIT_SUCCESS;
}
