/* half_requests SOCKET COUNT: sends the first half of a request on each of COUNT connections and keeps them
 * open until it is ended: each holds a thread of the program. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_request.h"

int main(int argc, char **argv)
{
    struct fcgi_request request;
    if (argc != 3)
        return 2;
    fcgi_request_make(&request, "grant_type=client_credentials", true);
    const size_t half = request.length / 2;
    for (unsigned long left = strtoul(argv[2], NULL, 10); left > 0; left--) {
        if (send(fcgi_connect(argv[1]), request.bytes, half, MSG_NOSIGNAL) != (ssize_t)half)
            die("send");
    }
    pause();
    return 0;
}
