/* issue_tokens TOKEN.CONF CLIENT_ID COUNT: prints COUNT access tokens for the scopes read and write, one a
 * line, all of one length. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "service/service.h"

int main(int argc, char **argv)
{
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    struct service *service = argc == 4 ? service_load_quietly(argv[1], &diagnostics) : NULL;
    if (service == NULL)
        return EXIT_FAILURE;
    const struct jwt_claims claims = {.client_id = text_of(argv[2]),
                                      .scope = text_of("read write"),
                                      .issued = clock_now(),
                                      .lifetime = 3600};
    for (unsigned long left = strtoul(argv[3], NULL, 10); left > 0; left--) {
        char *token = jwt_issue(service->issuer, &claims, NULL);
        if (token == NULL || puts(token) == EOF)
            return EXIT_FAILURE;
        free(token);
    }
    service_release(service);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
