/* An ordinary CGI program: links libc and libfcgi only, reads the body and answers a constant. */
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>

#include "constant.h"

int main(void)
{
    char body[4096];
    if (!FCGX_IsCGI())
        return EXIT_FAILURE;
    while (fread(body, 1, sizeof body, stdin) > 0)
        ;
    return fputs(CONSTANT_HEADERS CONSTANT_JSON, stdout) >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
