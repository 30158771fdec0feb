/* Sends a request to the program's socket and, 100 ms after its answer, looks for texts in all of the
 * program's memory that can be read; the connection is still open then.
 *
 *     find_secret SOCKET PID keep|close FORM AUTHORIZATION NAME=TEXT…
 *
 * AUTHORIZATION may be empty. The signature of the answer's token is looked for, too. Prints the status, and
 * "NAME ADDRESS MAPPING" for each place where a piece of a TEXT is: what was overwritten in part is found as
 * well.
 */
#include "../tools/fcgi_peer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/types.h>

enum { CHUNK = 1 << 20, PIECE = 16, MOST_PIECES = 256, PAUSE_US = 100000 };

struct piece {
    const char *name;
    int name_length;
    const char *text;
};

struct search {
    int memory;
    struct piece pieces[MOST_PIECES];
    size_t count;
};

struct range {
    uint64_t start;
    uint64_t end;
    char name[512];
};

/* The rest that is no whole piece is left out: chance might find it. */
static void add_pieces(struct search *search, const char *name, int name_length, const char *text,
                       size_t length)
{
    for (size_t at = 0; at + PIECE <= length && search->count < MOST_PIECES; at += PIECE)
        search->pieces[search->count++] = (struct piece){name, name_length, text + at};
}

/* "start-end perms offset device inode   name\n": false where it cannot be read. */
static bool read_range(const char *line, struct range *range)
{
    char *rest;
    range->start = strtoull(line, &rest, 16);
    range->end = *rest == '-' ? strtoull(rest + 1, &rest, 16) : 0;
    const char *name = strpbrk(rest, "/[");
    snprintf(range->name, sizeof range->name, "%s", name != NULL ? name : "anonymous\n");
    range->name[strcspn(range->name, "\n")] = '\0';
    return strncmp(rest, " r", 2) == 0 && strncmp(range->name, "[v", 2) != 0;
}

static void search_bytes(const struct search *search, const char *bytes, size_t size,
                         const struct range *range, uint64_t address)
{
    for (size_t i = 0; i < search->count; i++) {
        const struct piece *piece = &search->pieces[i];
        const char *from = bytes;
        const char *found;
        while ((found = memmem(from, size - (size_t)(from - bytes), piece->text, PIECE)) != NULL) {
            printf("%.*s %" PRIx64 " %s\n", piece->name_length, piece->name,
                   address + (uint64_t)(found - bytes), range->name);
            from = found + 1;
        }
    }
}

/* Chunks overlap by less than a piece, so that none is cut in two unseen. */
static void search_range(const struct search *search, const struct range *range)
{
    static char bytes[CHUNK + PIECE - 1];
    for (uint64_t at = range->start; at < range->end; at += CHUNK) {
        const uint64_t left = range->end - at;
        const ssize_t got =
            pread(search->memory, bytes, left < sizeof bytes ? left : sizeof bytes, (off_t)at);
        if (got > 0)
            search_bytes(search, bytes, (size_t)got, range, at);
    }
}

static void search_memory(struct search *search, const char *pid)
{
    char path[64];
    char line[1024];
    struct range range;
    snprintf(path, sizeof path, "/proc/%s/mem", pid);
    search->memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    FILE *maps = fopen(path, "re");
    if (search->memory < 0 || maps == NULL)
        die(path);
    while (fgets(line, sizeof line, maps) != NULL) {
        if (read_range(line, &range))
            search_range(search, &range);
    }
    fclose(maps);
    close(search->memory);
}

/* Its signature: what comes before is no secret, and the claims that all tokens of an account have alike are
 * kept. */
static void add_token(struct search *search, const char *answer)
{
    static const char name[] = "\"access_token\":\"";
    const char *token = strstr(answer, name);
    if (token == NULL)
        return;
    const size_t length = strcspn(token + sizeof name - 1, "\"") + sizeof name - 1;
    const char *dot = memrchr(token, '.', length);
    if (dot != NULL)
        add_pieces(search, "token", 5, dot + 1, length - (size_t)(dot + 1 - token));
}

int main(int argc, char **argv)
{
    static struct bytes request;
    static struct search search;
    static char answer[CONTENT_MAX + 256];
    if (argc < 6)
        return 2;
    const char *form = argv[4];
    append_head(&request, strcmp(argv[3], "keep") == 0, argv[5][0] != '\0' ? argv[5] : NULL, strlen(form));
    append_body(&request, form, strlen(form));
    for (int i = 6; i < argc; i++) {
        const size_t length = strcspn(argv[i], "=");
        if (strlen(argv[i]) < length + 1 + PIECE)
            return 2;
        add_pieces(&search, argv[i], (int)length, argv[i] + length + 1, strlen(argv[i] + length + 1));
    }
    const int connection = open_connection(argv[1]);
    send_all(connection, &request);
    printf("%ld\n", read_answer(connection, answer));
    add_token(&search, answer);
    usleep(PAUSE_US);
    search_memory(&search, argv[2]);
    close(connection);
    return EXIT_SUCCESS;
}
