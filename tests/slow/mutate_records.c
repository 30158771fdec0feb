/* mutate_records SOCKET COUNT SEED: sends COUNT FastCGI records to the program, most of them with some bytes
 * changed, cut anywhere, on connections that either side may close; then prints the status of a good
 * request's answer. */
#include "../tools/fcgi_peer.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>

static uint64_t state;

/* xorshift64*: the same records for the same seed. */
static uint32_t chance(uint32_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545F4914F6CDD1DULL) >> 32) % below;
}

static const char form[] = "grant_type=client_credentials&client_id=load&client_secret=wrong";

/* One to about a dozen records, as a peer would send them. Returns how many. */
static long append_records(struct bytes *bytes)
{
    static const char names[] = "\x0f\0FCGI_MPXS_CONNS\x0e\0FCGI_MAX_CONNS";
    switch (chance(6)) {
    case 0: {
        const size_t at = bytes->length;
        append_record(bytes, FCGI_GET_VALUES, names, sizeof names - 1);
        bytes->data[at + offsetof(FCGI_Header, requestIdB0)] = 0;
        return 1;
    }
    case 1:
        append_record(bytes, FCGI_ABORT_REQUEST, "", 0);
        return 1;
    case 2:
        append_record(bytes, (int)chance(13), form, chance(sizeof form));
        return 1;
    case 3:
        append_head(bytes, true, NULL, 0);
        return 3;
    default:
        append_head(bytes, chance(8) != 0, chance(4) == 0 ? "Basic bG9hZDp4" : NULL, sizeof form - 1);
        append_body(bytes, form, sizeof form - 1);
        return 5;
    }
}

static void mutate(struct bytes *bytes)
{
    for (uint32_t i = chance(4); i > 0; i--)
        bytes->data[chance((uint32_t)bytes->length)] = (char)chance(chance(2) == 0 ? 256 : 4);
    if (chance(16) == 0)
        bytes->length -= chance((uint32_t)bytes->length);
}

static void drop_answers(int connection)
{
    static char dropped[65536];
    while (recv(connection, dropped, sizeof dropped, MSG_DONTWAIT) > 0)
        ;
}

/* False: the connection is over. */
static bool send_pieces(int connection, const struct bytes *bytes)
{
    for (size_t sent = 0; sent < bytes->length;) {
        const size_t left = bytes->length - sent;
        const size_t piece = chance(4) == 0 ? 1 + chance((uint32_t)left) : left;
        const ssize_t written = send(connection, bytes->data + sent, piece, MSG_NOSIGNAL | MSG_DONTWAIT);
        drop_answers(connection);
        if (written < 0 && errno == EAGAIN) {
            struct pollfd peer = {.fd = connection, .events = POLLOUT | POLLIN};
            poll(&peer, 1, 1000);
        } else if (written < 0) {
            return false;
        } else {
            sent += (size_t)written;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static char answer[CONTENT_MAX + 256];
    static struct bytes bytes;
    long left = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    state = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
    if (left < 1 || state == 0)
        return 2;
    while (left > 0) {
        const int connection = open_connection(argv[1]);
        bool is_open = true;
        for (uint32_t i = chance(64); is_open && i > 0; i--) {
            bytes.length = 0;
            left -= append_records(&bytes);
            mutate(&bytes);
            is_open = send_pieces(connection, &bytes);
        }
        close(connection);
    }
    const int connection = open_connection(argv[1]);
    bytes.length = 0;
    append_head(&bytes, false, NULL, sizeof form - 1);
    append_body(&bytes, form, sizeof form - 1);
    send_all(connection, &bytes);
    printf("%ld\n", read_answer(connection, answer));
    return EXIT_SUCCESS;
}
