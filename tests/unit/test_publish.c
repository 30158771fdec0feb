/* Tests the published key set and metadata: their paths, methods and header lines. */
#include "fixture.h"

#include "base/json_read.h"
#include "token/keyset_file.h"

#define STRDUP_NEVER_FAILS
#include "failing_malloc.h"
#include "route_fixture.h"

#define MOUNT "/apiops/auth"
#define ISSUER "https://api.example.com" MOUNT
#define CONFIGURATION "issuer = " ISSUER "\nlog = log\nlog_level = debug\n"
#define OAUTH "/.well-known/oauth-authorization-server"
#define OPENID "/.well-known/openid-configuration"

/* The kids of the keys, in the order in which they are made. */
struct kids {
    char es[KEYSET_KID_SIZE];
    char rs[KEYSET_KID_SIZE];
    char ed[KEYSET_KID_SIZE];
};

static void add_key(enum jws_algorithm algorithm, char kid[KEYSET_KID_SIZE])
{
    struct collected problems;
    struct keyset_rotation rotation = {.has_algorithm = true, .algorithm = algorithm, .now = 1};
    if (!keyset_file_add("keys.jwks", &rotation, collect(&problems)))
        fail_msg("%s", problems.text);
    snprintf(kid, KEYSET_KID_SIZE, "%s", rotation.kid);
}

static void rotate(enum jws_algorithm algorithm, int64_t last_expiry, char kid[KEYSET_KID_SIZE])
{
    struct collected problems;
    struct keyset_rotation rotation = {
        .has_algorithm = true, .algorithm = algorithm, .now = 1, .last_expiry = last_expiry};
    if (!keyset_file_rotate("keys.jwks", &rotation, collect(&problems)))
        fail_msg("%s", problems.text);
    snprintf(kid, KEYSET_KID_SIZE, "%s", rotation.kid);
}

/* An HS256 key that verified until 1970, an ES256 key that verifies until 2100, an RS256 key that signs, and
 * an EdDSA key that is next. */
static void make_keys(struct kids *kids)
{
    char unused[KEYSET_KID_SIZE];
    unlink("keys.jwks");
    rotate(JWS_HS256, 0, unused);
    rotate(JWS_ES256, 2, kids->es);
    rotate(JWS_RS256, 4102444800, kids->rs);
    add_key(JWS_EDDSA, kids->ed);
}

static struct json_object *object_of(const char *answer)
{
    struct json_object *object = json_read(text_of(body_of(answer)), NULL);
    if (object == NULL)
        fail_msg("not JSON: %s", answer);
    return object;
}

/* Returns the kids of the set at `path`, each followed by a space, and checks the members of the keys. */
static const char *kids_at(const struct service *service, const char *query, char out[ANSWER_SIZE])
{
    char answer[ANSWER_SIZE];
    const struct example example = {.path = MOUNT "/jwks", .query = query};
    struct json_object *object = object_of(answer_to(service, &example, answer));
    struct json_object *keys = json_object_object_get(object, "keys");
    assert_int_equal(json_object_object_length(object), 1);
    out[0] = '\0';
    for (size_t i = 0; i < json_object_array_length(keys); i++) {
        struct json_object *key = json_object_array_get_idx(keys, i);
        const char *kty = json_object_get_string(json_object_object_get(key, "kty"));
        assert_string_equal(json_object_get_string(json_object_object_get(key, "use")), "sig");
        assert_int_equal(json_object_object_length(key), strcmp(kty, "EC") == 0 ? 7 : 6);
        strcat(strcat(out, json_object_get_string(json_object_object_get(key, "kid"))), " ");
        if (strstr("\"d\" \"k\" \"p\"", kty) != NULL || json_object_object_get_ex(key, "d", NULL))
            fail_msg("a secret is published: %s", answer);
    }
    json_object_put(object);
    return out;
}

static void test_public_keys_are_published_signer_first(void **state)
{
    (void)state;
    struct kids kids;
    char expected[ANSWER_SIZE];
    char got[ANSWER_SIZE];
    make_keys(&kids);
    struct service *service = load_service(CONFIGURATION);
    snprintf(expected, sizeof expected, "%s %s %s ", kids.rs, kids.es, kids.ed);
    assert_string_equal(kids_at(service, NULL, got), expected);
    assert_string_equal(kids_at(service, "kty=", got), expected);
    assert_string_equal(kids_at(service, "x=kty&KTY=EC", got), expected);
    snprintf(expected, sizeof expected, "%s ", kids.rs);
    assert_string_equal(kids_at(service, "kty=RSA", got), expected);
    snprintf(expected, sizeof expected, "%s ", kids.es);
    assert_string_equal(kids_at(service, "a=b&kty=EC&kty=RSA", got), expected);
    snprintf(expected, sizeof expected, "%s ", kids.ed);
    assert_string_equal(kids_at(service, "kty=OKP", got), expected);
    assert_string_equal(kids_at(service, "kty=oct", got), "");
    assert_string_equal(kids_at(service, "kty=ec", got), "");
    service_release(service);
}

/* The last token of the ES256 key has expired. */
static void test_key_without_valid_tokens_is_not_published(void **state)
{
    (void)state;
    char es[KEYSET_KID_SIZE];
    char ed[KEYSET_KID_SIZE];
    char got[ANSWER_SIZE];
    char expected[ANSWER_SIZE];
    unlink("keys.jwks");
    rotate(JWS_ES256, 0, es);
    rotate(JWS_EDDSA, time(NULL) - 30, ed);
    struct service *service = load_service(CONFIGURATION);
    snprintf(expected, sizeof expected, "%s ", ed);
    assert_string_equal(kids_at(service, NULL, got), expected);
    service_release(service);
    service = load_service(CONFIGURATION "clock_skew = 3600\n");
    snprintf(expected, sizeof expected, "%s %s ", ed, es);
    assert_string_equal(kids_at(service, NULL, got), expected);
    service_release(service);
}

/* It lacks members that this program writes itself. */
static void test_key_of_other_origin_is_published(void **state)
{
    (void)state;
    char answer[ANSWER_SIZE];
    write_text("keys.jwks",
               "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},"
               "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x5c\":[],\"key_ops\":[\"verify\"],"
               "\"x\":\"6J89Oif9fSRd3QBgCXorKEbuEZt32pqk95A130_RVTI\",\"iat\":1,\"exp\":4102444800}]}");
    struct service *service = load_service(CONFIGURATION);
    const struct example example = {.path = MOUNT "/jwks"};
    answer_to(service, &example, answer);
    assert_string_equal(
        body_of(answer),
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
        "\"x\":\"6J89Oif9fSRd3QBgCXorKEbuEZt32pqk95A130_RVTI\",\"alg\":\"EdDSA\",\"use\":\"sig\","
        "\"kid\":\"D-eBzyVVHstE2OkkZTr0q3mXpzVmuakhr8fycC5vSl0\"}]}");
    service_release(service);
}

static const char *metadata_of(const struct service *service, char out[ANSWER_SIZE])
{
    const struct example example = {.path = OAUTH MOUNT};
    char answer[ANSWER_SIZE];
    snprintf(out, ANSWER_SIZE, "%s", body_of(answer_to(service, &example, answer)));
    return out;
}

#define AUTH_METHODS "[\"client_secret_basic\",\"client_secret_post\"]"
#define TOKEN(issuer)                                                                                        \
    "\"token_endpoint\":\"" issuer "/token\",\"token_endpoint_auth_methods_supported\":" AUTH_METHODS
#define KEYS(issuer) ",\"jwks_uri\":\"" issuer "/jwks\""
#define TOKEN_FORMS(issuer)                                                                                  \
    ",\"introspection_endpoint\":\"" issuer                                                                  \
    "/introspect\",\"introspection_endpoint_auth_methods_supported\":" AUTH_METHODS                          \
    ",\"revocation_endpoint\":\"" issuer                                                                     \
    "/revoke\",\"revocation_endpoint_auth_methods_supported\":" AUTH_METHODS
#define REST(algorithms)                                                                                     \
    ",\"grant_types_supported\":[\"client_credentials\"],\"response_types_supported\":[],"                   \
    "\"subject_types_supported\":[\"public\"],\"id_token_signing_alg_values_supported\":[" algorithms "]}"

static void test_metadata_has_the_members_of_rfc8414(void **state)
{
    (void)state;
    struct kids kids;
    char got[ANSWER_SIZE];
    make_keys(&kids);
    struct service *service = load_service(CONFIGURATION);
    assert_string_equal(metadata_of(service, got), "{\"issuer\":\"" ISSUER "\"," TOKEN(ISSUER) KEYS(ISSUER)
                                                       TOKEN_FORMS(ISSUER) REST("\"EdDSA\",\"RS256\""));
    service_release(service);
    service = load_service(CONFIGURATION "authorization_endpoint = https://id.example.com/?a\n");
    assert_string_equal(metadata_of(service, got),
                        "{\"issuer\":\"" ISSUER
                        "\",\"authorization_endpoint\":\"https://id.example.com/?a\"," TOKEN(ISSUER)
                            KEYS(ISSUER) TOKEN_FORMS(ISSUER) REST("\"EdDSA\",\"RS256\""));
    service_release(service);
}

/* There is no jwks_uri then. A slash at the end of the issuer is not doubled. */
static void test_symmetric_keys_are_not_published(void **state)
{
    (void)state;
    char kid[KEYSET_KID_SIZE];
    char got[ANSWER_SIZE];
    unlink("keys.jwks");
    rotate(JWS_HS256, 0, kid);
    struct service *service = load_service("issuer = http://localhost" MOUNT "/\nlog = log\n");
    assert_string_equal(metadata_of(service, got),
                        "{\"issuer\":\"http://localhost" MOUNT "/\"," TOKEN("http://localhost" MOUNT)
                            TOKEN_FORMS("http://localhost" MOUNT) REST("\"HS256\""));
    const struct example example = {.path = MOUNT "/jwks"};
    assert_string_equal(body_of(answer_to(service, &example, got)), "{\"keys\":[]}");
    service_release(service);
}

static void check_status(const struct service *service, const char *path, const char *status)
{
    char answer[ANSWER_SIZE];
    const struct example example = {.path = path};
    const char *line = answer_to(service, &example, answer) + strlen("Status: ");
    check_row(strncmp(line, status, 3) == 0, answer, 0, path);
}

static void test_both_places_of_metadata_are_served(void **state)
{
    (void)state;
    static const struct {
        const char *path; /* the mount path is "/a b" */
        const char *status;
    } rows[] = {
        {"/a b/jwks", "200"},
        {"/a b/jwks/", "200"},
        {OAUTH "/a b", "200"},
        {OPENID "/a b", "200"},
        {"/a b" OAUTH, "200"},
        {"/a b" OPENID, "200"},
        {OAUTH "/a b/", "200"},
        {"/a b" OPENID "/", "200"},
        {OAUTH, "404"},
        {OAUTH "/", "404"},
        {OAUTH "/a b/x", "404"},
        {"/a b" OAUTH "/x", "404"},
        {"/jwks", "404"},
        {"/x" OAUTH "/a b", "404"},
        {OAUTH "/a b" OAUTH, "404"},
        {"/a b/jwks//", "404"},
        {"/a b/.well-known", "404"},
        {"/a b/jwksx", "404"},
        {OAUTH "/a b/token", "404"},
        {"/.well-known/jwks/a b", "404"},
        {"/a b", "404"},
        {"/a b/.well-known/", "404"},
        {"", "404"},
        {NULL, "404"},
    };
    struct kids kids;
    make_keys(&kids);
    struct service *service = load_service("issuer = https://api.example.com/a%20b\nlog = log\n");
    for (size_t i = 0; i < ROWS(rows); i++)
        check_status(service, rows[i].path, rows[i].status);
    service_release(service);
    service = load_service("issuer = https://api.example.com\nlog = log\n");
    static const char *const top[] = {"/jwks", OAUTH, OPENID, OAUTH "/", OPENID "/"};
    for (size_t i = 0; i < ROWS(top); i++)
        check_status(service, top[i], "200");
    check_status(service, OAUTH "/apiops/auth", "404");
    service_release(service);
}

static void test_only_get_and_head_are_allowed(void **state)
{
    (void)state;
    static const char *const paths[] = {MOUNT "/jwks", OAUTH MOUNT};
    static const char *const others[] = {"POST", "PUT", "OPTIONS", "get", "GE", "GET,", "HEA", ""};
    struct kids kids;
    char answer[ANSWER_SIZE];
    char head[ANSWER_SIZE];
    char allow[ANSWER_SIZE];
    make_keys(&kids);
    struct service *service = load_service(CONFIGURATION);
    for (size_t i = 0; i < ROWS(paths); i++) {
        struct example example = {.path = paths[i]};
        answer_to(service, &example, answer);
        example.method = "HEAD";
        answer_to(service, &example, head);
        check_row(strncmp(answer, head, strlen(head)) == 0 && body_of(head)[0] == '\0', head, i, answer);
        for (size_t j = 0; j < ROWS(others); j++) {
            example.method = others[j];
            answer_to(service, &example, answer);
            check_row(strncmp(answer, "Status: 405 ", 12) == 0, answer, j, others[j]);
            check_row(strcmp(header_of(answer, "Allow", allow), "GET, HEAD") == 0, allow, j, others[j]);
            check_row(strstr(answer, "The method must be GET or HEAD") != NULL, answer, j, others[j]);
        }
    }
    service_release(service);
}

/* The ETag is the same in each process, and another one when the keys change. */
static void test_unchanged_answer_is_304(void **state)
{
    (void)state;
    struct kids kids;
    char answer[ANSWER_SIZE];
    char again[ANSWER_SIZE];
    char etag[ANSWER_SIZE];
    char value[ANSWER_SIZE];
    static const char *const paths[] = {MOUNT "/jwks", MOUNT OPENID};
    make_keys(&kids);
    for (size_t i = 0; i < ROWS(paths); i++) {
        struct service *service = load_service(CONFIGURATION "keys_max_age = 86400\n");
        struct example example = {.path = paths[i]};
        answer_to(service, &example, answer);
        header_of(answer, "ETag", etag);
        assert_string_equal(header_of(answer, "Cache-Control", value), "public, max-age=86400");
        assert_string_equal(header_of(answer, "Access-Control-Allow-Origin", value), "*");
        assert_null(strstr(answer, "no-store"));
        assert_null(strstr(answer, "no-cache"));
        service_release(service);

        service = load_service(CONFIGURATION);
        answer_to(service, &example, again);
        assert_string_equal(header_of(again, "ETag", value), etag);
        assert_string_equal(header_of(again, "Cache-Control", value), "public, max-age=3600");
        example.variables[0] = (struct variable){"HTTP_IF_NONE_MATCH", etag};
        answer_to(service, &example, again);
        char expected[ANSWER_SIZE];
        snprintf(expected, sizeof expected,
                 "Status: 304 Not Modified\r\nCache-Control: public, max-age=3600\r\nETag: %.40s\r\n"
                 "Access-Control-Allow-Origin: *\r\n\r\n",
                 etag);
        assert_string_equal(again, expected);
        service_release(service);
    }
    char kid[KEYSET_KID_SIZE];
    rotate(JWS_ES256, 4102444800, kid);
    struct service *service = load_service(CONFIGURATION);
    const struct example example = {.path = MOUNT OPENID, .variables = {{"HTTP_IF_NONE_MATCH", etag}}};
    answer_to(service, &example, again);
    assert_memory_equal(again, "Status: 200 OK", 14);
    service_release(service);
}

/* Each allocation fails once: the answer is complete or the 500. */
static void test_no_memory_is_answered_500(void **state)
{
    (void)state;
    static const char *const paths[] = {MOUNT "/jwks", MOUNT OAUTH};
    struct kids kids;
    char whole[ANSWER_SIZE];
    char answer[ANSWER_SIZE];
    skip_unless_malloc_fails();
    make_keys(&kids);
    struct service *service = load_service(CONFIGURATION);
    for (size_t i = 0; i < ROWS(paths); i++) {
        const struct example example = {.path = paths[i]};
        size_t faults = 0;
        bool failed = true;
        answer_to(service, &example, whole);
        for (long allowed = 0; failed; allowed++) {
            one_allocation_fails = true;
            allocations_left = allowed;
            answer_to(service, &example, answer);
            failed = allocations_left < 0;
            allocations_left = -1;
            const bool is_fault = strncmp(answer, "Status: 500 ", 12) == 0;
            check_row(strcmp(answer, whole) == 0 || (failed && is_fault), answer, (size_t)allowed, paths[i]);
            faults += is_fault;
        }
        check_row(faults > 5, "nothing has failed", i, paths[i]);
    }
    service_release(service);
}

/* Each client fetches the keys again and again. */
static void test_only_debug_logs_publication(void **state)
{
    (void)state;
    struct kids kids;
    char answer[ANSWER_SIZE];
    char log[ANSWER_SIZE];
    const struct example good = {.path = MOUNT "/jwks"};
    const struct example wrong = {.path = MOUNT "/jwks", .method = "PUT"};
    make_keys(&kids);
    unlink("log");
    struct service *service = load_service("issuer = " ISSUER "\nlog = log\n");
    answer_to(service, &good, answer);
    answer_to(service, &wrong, answer);
    service_release(service);
    read_text("log", log, sizeof log);
    assert_null(strstr(log, "outcome=published"));
    assert_non_null(strstr(log, " info outcome=rejected reason=method "));
    service = load_service(CONFIGURATION);
    answer_to(service, &good, answer);
    service_release(service);
    read_text("log", log, sizeof log);
    assert_non_null(
        strstr(log, " debug outcome=published reason=granted client_id=\"\" source=198.51.100.7 "));
}

static int make_accounts(void **state)
{
    if (enter_folder(state) != 0)
        return -1;
    write_text("accounts", "");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_keys_are_published_signer_first),
        cmocka_unit_test(test_key_without_valid_tokens_is_not_published),
        cmocka_unit_test(test_key_of_other_origin_is_published),
        cmocka_unit_test(test_metadata_has_the_members_of_rfc8414),
        cmocka_unit_test(test_symmetric_keys_are_not_published),
        cmocka_unit_test(test_both_places_of_metadata_are_served),
        cmocka_unit_test(test_only_get_and_head_are_allowed),
        cmocka_unit_test(test_unchanged_answer_is_304),
        cmocka_unit_test(test_no_memory_is_answered_500),
        cmocka_unit_test(test_only_debug_logs_publication),
    };
    return cmocka_run_group_tests_name("publish", tests, make_accounts, leave_folder);
}
