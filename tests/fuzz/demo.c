#include "demo.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "fuzz.h"
#include "token/jwt_verify.h"

enum { LOG_LIMIT = 1 << 20 };

static const struct demo {
    const char *client_id;
    const char *secret; /* no part of any other text here */
    const char *line;   /* after the client_id */
    const char *scope;  /* NULL: none */
    const char *from;   /* NULL: anywhere */
    int64_t lifetime;
    bool refused;
} demos[] = {
    {"demo", "s3cret", "abhWCwoTZY2c6:scope=read,write", "read,write", NULL, 3600, false},
    {"brief", "Br1ef", "abQgA1TT/OuOA:lifetime=60", NULL, NULL, 60, false},
    {"forever", "n3ver", "ab5D/1TGWnQm6:lifetime=0 scope=x", "x", NULL, 0, false},
    {"open", "open:sesame 1",
     "$5$rounds=1000$fuzzfuzzfuzzfuzz$Zrq.L/AstnBvwTzvgf62PiigWimdYDoeHvB9R4kLLr4:introspect", NULL, NULL,
     3600, false},
    {"caf\xc3\xa9", "s3cret", "abhWCwoTZY2c6", NULL, NULL, 3600, false},
    {"elsewhere", "s3cret", "abhWCwoTZY2c6:from=192.0.2.0/24", NULL, "192.0.2.0/24", 3600, false},
    {"locked", "s3cret", "!abhWCwoTZY2c6", NULL, NULL, 3600, true},
    {"expired", "s3cret", "abhWCwoTZY2c6:expires=2001-01-01", NULL, NULL, 3600, true},
    {"plain", "s3cret", "s3cret", NULL, NULL, 3600, true},
};
#define DEMO_COUNT (sizeof demos / sizeof *demos)

/* Nobody is throttled, so that each answer depends on its request alone. */
static const char configuration[] = "issuer = https://api.example.com/apiops/auth\n"
                                    "allow_legacy_hashes = yes\n"
                                    "log_level = debug\n"
                                    "verify_cache_ttl = 0\n"
                                    "verify_queue = 65536\n"
                                    "throttle_failures = 1000000\n"
                                    "throttle_source_failures = 1000000\n"
                                    "throttle_window = 1\n";
static const char keys[] =
    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}";

static const char last_line[] = "that is all";

static int log_descriptor = -1;

static FILE *begin_file(const char *folder, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    REQUIRE(file != NULL);
    return file;
}

static void write_files(const char *folder)
{
    FILE *file = begin_file(folder, "token.conf");
    fprintf(file, "%slog = /proc/self/fd/%d\n", configuration, log_descriptor);
    REQUIRE(fclose(file) == 0);

    file = begin_file(folder, "keys.jwks");
    fputs(keys, file);
    REQUIRE(fclose(file) == 0);

    file = begin_file(folder, "accounts");
    for (size_t i = 0; i < DEMO_COUNT; i++)
        fprintf(file, "%s:%s\n", demos[i].client_id, demos[i].line);
    REQUIRE(fclose(file) == 0);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

struct service *demo_service(void)
{
    char folder[] = "/tmp/fuzz.XXXXXX";
    char path[sizeof folder + sizeof "/token.conf"];
    struct diagnostics diagnostics = fuzz_report();
    log_descriptor = memfd_create("log", MFD_CLOEXEC);
    REQUIRE(mkdtemp(folder) != NULL);
    write_files(folder);
    snprintf(path, sizeof path, "%s/token.conf", folder);
    struct service *service = service_load(path, &diagnostics);
    REQUIRE(nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
    REQUIRE(service != NULL);
    return service;
}

/* DES does not look at the highest bit of a character. */
static unsigned find_secrets(struct text text)
{
    unsigned found = 0;
    char *plain = fuzz_copy(text);
    for (size_t i = 0; i < text.length; i++)
        plain[i] &= 0x7f;
    for (size_t i = 0; i < DEMO_COUNT; i++) {
        if (fuzz_holds((struct text){plain, text.length}, demos[i].secret))
            found |= 1U << i;
    }
    free(plain);
    return found;
}

static unsigned find_decoded(struct text text)
{
    unsigned found = find_secrets(text);
    char *decoded = fuzz_copy(text);
    size_t length = 0;
    if (text_percent_decode(text, true, decoded, &length))
        found |= find_secrets((struct text){decoded, length});
    free(decoded);
    return found;
}

unsigned demo_secrets_in(struct text text)
{
    unsigned found = find_decoded(text);
    while (text.length > 0 && text.data[text.length - 1] == ' ')
        text.length--;
    const char *blank = text.length == 0 ? NULL : memrchr(text.data, ' ', text.length);
    if (blank == NULL)
        return found;
    const size_t length = text.length - (size_t)(blank + 1 - text.data);
    char *decoded = malloc(length / 4 * 3 + 3);
    size_t size = 0;
    if (base64_decode(blank + 1, length, (unsigned char *)decoded, &size))
        found |= find_decoded((struct text){decoded, size});
    free(decoded);
    return found;
}

static size_t index_of(const char *client_id)
{
    size_t i = 0;
    while (i < DEMO_COUNT && strcmp(demos[i].client_id, client_id) != 0)
        i++;
    REQUIRE(i < DEMO_COUNT);
    return i;
}

static bool is_from(const struct demo *demo, struct text source)
{
    struct address address;
    struct network network;
    return demo->from == NULL ||
           (source.data != NULL && address_parse_remote(source.data, source.length, &address) &&
            network_parse(demo->from, strlen(demo->from), &network) && network_contains(&network, &address));
}

bool demo_may_introspect(unsigned spoken)
{
    return (spoken & 1U << index_of("open")) != 0;
}

bool demo_is_elsewhere(struct text source)
{
    return is_from(&demos[index_of("elsewhere")], source);
}

static void require_scope(const struct demo *demo, const char *granted)
{
    REQUIRE((granted == NULL) == (demo->scope == NULL));
    for (struct text rest = text_of(granted); rest.data != NULL;) {
        const struct text token = text_split(&rest, ' ');
        bool allowed = false;
        for (struct text list = text_of(demo->scope); list.data != NULL;)
            allowed = text_equal(text_split(&list, ','), token) || allowed;
        REQUIRE(allowed);
    }
}

/* RFC 7519 §4.1.7: no two tokens have the same, of which the last two are compared. */
static void require_new_id(struct json_object *claims)
{
    static char last[32];
    const char *id = json_object_get_string(json_object_object_get(claims, "jti"));
    REQUIRE(id != NULL && strlen(id) == BASE64URL_LENGTH(16) && strcmp(id, last) != 0);
    snprintf(last, sizeof last, "%s", id);
}

void demo_require_grant(const struct service *service, struct json_object *body, struct text source,
                        unsigned spoken)
{
    const char *token = json_object_get_string(json_object_object_get(body, "access_token"));
    const struct jwt_expectation expected = {.issuer = service->config->issuer,
                                             .audience = service->config->audience,
                                             .type = service->config->token_typ,
                                             .now = clock_now()};
    struct jwt jwt;
    REQUIRE(jwt_verify(service->keys, text_of(token), &expected, &jwt) == JWT_VALID);
    const size_t i = index_of(json_object_get_string(json_object_object_get(jwt.claims, "sub")));
    REQUIRE(!demos[i].refused);
    REQUIRE(spoken & 1U << i);
    REQUIRE(is_from(&demos[i], source));
    REQUIRE(json_object_get_int64(json_object_object_get(body, "expires_in")) == demos[i].lifetime);
    require_scope(&demos[i], json_object_get_string(json_object_object_get(body, "scope")));
    require_new_id(jwt.claims);
    jwt_clear(&jwt);
}

/* What a client sends is in quotes, and cannot break out of them. Returns whether the line's level is above
 * debug. */
static bool require_line(struct text line)
{
    bool quoted = false;
    size_t outcomes = 0;
    REQUIRE(!text_has_control(line) && text_is_utf8(line));
    for (size_t i = 0; i < line.length; i++) {
        const struct text rest = {line.data + i, line.length - i};
        if (quoted && rest.data[0] == '\\')
            i++;
        else if (rest.data[0] == '"')
            quoted = !quoted;
        else if (!quoted && rest.length > 8 && memcmp(rest.data, "outcome=", 8) == 0)
            outcomes++;
    }
    REQUIRE(!quoted && outcomes <= 1);
    const size_t time_size = strlen("2027-01-31T12:00:00.123Z ");
    return line.length < time_size + 6 || memcmp(line.data + time_size, "debug ", 6) != 0;
}

/* A client's own words are in quotes, and fields follow. */
static bool is_last(struct text line)
{
    const size_t length = strlen(last_line);
    return line.length > length && memcmp(line.data + line.length - length, last_line, length) == 0;
}

void demo_drop_log(const struct service *service)
{
    /* An error is written at once, and what may wait is before it. */
    log_write(service->log, LOG_LEVEL_ERROR, "%s", last_line);
    REQUIRE(ftruncate(log_descriptor, 0) == 0);
}

void demo_require_log(const struct service *service, size_t lines)
{
    static char log[LOG_LIMIT];
    /* An error is written at once, and what may wait is before it. */
    log_write(service->log, LOG_LEVEL_ERROR, "%s", last_line);
    const ssize_t size = pread(log_descriptor, log, sizeof log, 0);
    REQUIRE(size >= 0 && (size_t)size < sizeof log);
    REQUIRE(ftruncate(log_descriptor, 0) == 0);
    struct text rest = {log, (size_t)size};
    struct text line = text_split(&rest, '\n');
    size_t records = 0;
    while (rest.data != NULL && !is_last(line)) {
        REQUIRE(line.length > 0);
        records += require_line(line);
        line = text_split(&rest, '\n');
    }
    REQUIRE(records == lines);
    REQUIRE(is_last(line));
    REQUIRE(rest.data != NULL && rest.length == 0);
}
