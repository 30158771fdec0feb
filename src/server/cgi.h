/* Plain CGI (RFC 3875): one request from the environment and standard input, its answer to standard output.
 */
#ifndef SERVER_CGI_H
#define SERVER_CGI_H

#include <stdbool.h>

/* Whether a web server started this process as a CGI program. */
bool cgi_is_requested(void);

/* Answers the request. Without a usable configuration, accounts file or key set it is the 500 of the
 * contract, and the log has the reason. Returns the exit status: 0, or 1 where the answer could not be
 * written. */
int cgi_serve(const char *config_file);

#endif
