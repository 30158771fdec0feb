/* The clients of chaos.bats. They know which token is revoked and which secret is wrong, and write down what
 * they asked for and what came back.
 *
 *     chaos_load load FOLDER SEED PAUSE     makes requests, with PAUSE ms between those of a worker
 *     chaos_load warm FOLDER MACHINE        asks for as many tokens as the machine has place for
 *     chaos_load check SOCKET               prints the status that each token of standard input gets
 *
 * The load goes on until FOLDER/run/load is removed.
 * FOLDER/secrets/clients has a client_id and its secret on each line, and FOLDER/run/NAME.sock is the socket
 * of a machine. FOLDER/journal/load.N has what worker N did, a request on each line:
 *
 *     R BEGAN ENDED WHAT MACHINE SOURCE CLIENT_ID STATUS TOKEN
 *
 * Times are milliseconds since 1970. STATUS is 0 if there was no answer, and TOKEN is "-" if it does not
 * matter. WHAT is grant, wrong (a wrong secret), check (of a token that is not revoked), revoke; "live" is a
 * token that is not revoked at the end; and "lag" how long it took until a token that was revoked on another
 * machine was refused on this one. */
#include "../tools/fcgi_peer.h"

#include <stdint.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

enum {
    MACHINES = 3,
    CLIENTS = 8,
    WORKERS = 6,
    LIVE_TOKENS = 32,
    NAME_SIZE = 128,
    TOKEN_SIZE = 1024,
    ANSWER_S = 45, /* longer than request_timeout */
    LOOK_MS = 2,
    CACHED_TOKENS = 8000, /* more than the program remembers */
    BEARER_SIZE = TOKEN_SIZE + 16,
    FORM_SIZE = TOKEN_SIZE + 4 * NAME_SIZE,
};

static const char *const machines[MACHINES] = {"one", "two", "three"};
static const char *folder;

struct client {
    char id[NAME_SIZE];
    char secret[NAME_SIZE];
    char source[NAME_SIZE];
};

static struct client clients[CLIENTS];

struct token {
    const struct client *owner;
    char text[TOKEN_SIZE];
};

struct worker {
    int number;
    uint64_t random;
    uint64_t secrets; /* wrong ones; each is used once */
    FILE *journal;
    int live_count;
    struct token live[LIVE_TOKENS];
    char answer[CONTENT_MAX + 256];
};

/* --- Time and chance --- */

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* splitmix64: a number below `count`. */
static int chance(struct worker *worker, int count)
{
    uint64_t x = worker->random += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return (int)((x ^ (x >> 31)) % (uint64_t)count);
}

/* In turns, one machine or none has nothing to tell the others: it must learn from them all the same. */
static int talking_machine(struct worker *worker)
{
    enum { TURN_MS = 20000 };
    const uint64_t turn = (uint64_t)(now_ms() / TURN_MS);
    const int quiet = (int)((turn * 0x9e3779b97f4a7c15 >> 33) % (MACHINES + 1));
    int machine = chance(worker, MACHINES);
    while (machine == quiet)
        machine = chance(worker, MACHINES);
    return machine;
}

static bool goes_on(void)
{
    char path[NAME_SIZE];
    snprintf(path, sizeof path, "%s/run/load", folder);
    return access(path, F_OK) == 0;
}

/* --- Requests --- */

/* Sends all of it in one write, and returns the status of the answer; 0 if there is none. */
static long exchange(const char *socket_path, const struct bytes *request, char answer[CONTENT_MAX + 256])
{
    const struct timeval patience = {.tv_sec = ANSWER_S};
    const int connection = try_connection(socket_path);
    long status = 0;
    answer[0] = '\0';
    if (connection < 0)
        return 0;
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send(connection, request->data, request->length, MSG_NOSIGNAL) == (ssize_t)request->length)
        status = read_answer(connection, answer);
    close(connection);
    return status > 0 ? status : 0;
}

/* `source` is the address of the client, `form` the body. */
static long ask(int machine, const char *path, const char *source, const char *authorization,
                const char *form, char answer[CONTENT_MAX + 256])
{
    static struct bytes request;
    char socket_path[NAME_SIZE];
    request.length = 0;
    peer_address = source;
    snprintf(socket_path, sizeof socket_path, "%s/run/%s.sock", folder, machines[machine]);
    append_head_to(&request, path, false, authorization, strlen(form));
    append_body(&request, form, strlen(form));
    return exchange(socket_path, &request, answer);
}

static void note(struct worker *worker, double began_ms, const char *what, int machine, const char *source,
                 const char *client_id, long status, const char *token)
{
    fprintf(worker->journal, "R %.0f %.0f %s %s %s %s %ld %s\n", began_ms, now_ms(), what, machines[machine],
            source, client_id, status, token);
}

static long check_token(const char *token, int machine, char answer[CONTENT_MAX + 256])
{
    char authorization[BEARER_SIZE];
    snprintf(authorization, sizeof authorization, "Bearer %s", token);
    return ask(machine, "/apiops/auth/verify", "127.0.0.1", authorization, "", answer);
}

/* --- What clients do --- */

/* Returns whether there is a token. */
static bool grant(struct worker *worker, int machine, struct token *token)
{
    const struct client *client = &clients[chance(worker, CLIENTS)];
    char form[FORM_SIZE];
    const double began_ms = now_ms();
    snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", client->id,
             client->secret);
    const long status = ask(machine, "/apiops/auth/token", client->source, NULL, form, worker->answer);
    note(worker, began_ms, "grant", machine, client->source, client->id, status, "-");
    const char *begin = status == 200 ? strstr(worker->answer, "eyJ") : NULL;
    const size_t length = begin != NULL ? strcspn(begin, "\"") : TOKEN_SIZE;
    if (length >= TOKEN_SIZE)
        return false;
    token->owner = client;
    memcpy(token->text, begin, length);
    token->text[length] = '\0';
    return true;
}

static void keep(struct worker *worker, const struct token *token)
{
    const int place = worker->live_count < LIVE_TOKENS ? worker->live_count++ : chance(worker, LIVE_TOKENS);
    worker->live[place] = *token;
}

/* Some are of one attacker, who reaches the limit; some share the address of a good client; and some are for
 * the client_ids of good clients, from other addresses. */
static void try_wrong_secret(struct worker *worker, int machine)
{
    const struct client *client = &clients[chance(worker, CLIENTS)];
    char source[NAME_SIZE] = "192.0.2.66";
    char client_id[NAME_SIZE];
    char form[FORM_SIZE];
    const int kind = chance(worker, 4);
    snprintf(client_id, sizeof client_id, "%s", clients[kind == 0 ? 0 : chance(worker, CLIENTS)].id);
    if (kind == 1) {
        snprintf(source, sizeof source, "%s", client->source);
        snprintf(client_id, sizeof client_id, "stranger%d", chance(worker, CLIENTS));
    } else if (kind > 1)
        snprintf(source, sizeof source, "203.0.113.%d", chance(worker, CLIENTS));
    const double began_ms = now_ms();
    snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=wrong-%d-%llu",
             client_id, worker->number, (unsigned long long)worker->secrets++);
    const long status = ask(machine, "/apiops/auth/token", source, NULL, form, worker->answer);
    note(worker, began_ms, "wrong", machine, source, client_id, status, "-");
}

static long revoke_token(struct worker *worker, int machine, const struct token *token)
{
    const struct client *owner = token->owner;
    char form[FORM_SIZE];
    const double began_ms = now_ms();
    snprintf(form, sizeof form, "token=%s&client_id=%s&client_secret=%s", token->text, owner->id,
             owner->secret);
    const long status = ask(machine, "/apiops/auth/revoke", owner->source, NULL, form, worker->answer);
    note(worker, began_ms, "revoke", machine, owner->source, owner->id, status, token->text);
    return status;
}

/* One that could not be revoked is as good as before. */
static void revoke_one(struct worker *worker, int machine)
{
    if (worker->live_count == 0)
        return;
    const int place = chance(worker, worker->live_count);
    const long status = revoke_token(worker, machine, &worker->live[place]);
    if (status == 200 || status == 0)
        worker->live[place] = worker->live[--worker->live_count];
}

static void check_one(struct worker *worker, int machine)
{
    if (worker->live_count == 0)
        return;
    const struct token *token = &worker->live[chance(worker, worker->live_count)];
    const double began_ms = now_ms();
    const long status = check_token(token->text, machine, worker->answer);
    note(worker, began_ms, "check", machine, "-", token->owner->id, status, token->text);
}

static void act(struct worker *worker)
{
    const int machine = chance(worker, MACHINES);
    const int action = chance(worker, 10);
    struct token token;
    if (action < 3)
        try_wrong_secret(worker, talking_machine(worker));
    else if (action < 4)
        revoke_one(worker, talking_machine(worker));
    else if (action < 6)
        check_one(worker, machine);
    else if (grant(worker, machine, &token))
        keep(worker, &token);
}

/* Revokes a token on one machine, and looks until it is refused on the others. */
static void measure_lag(struct worker *worker)
{
    const int machine = talking_machine(worker);
    struct token token;
    if (!grant(worker, machine, &token) || revoke_token(worker, machine, &token) != 200)
        return;
    const double began_ms = now_ms();
    for (int i = 1; i < MACHINES; i++) {
        const int other = (machine + i) % MACHINES;
        while (check_token(token.text, other, worker->answer) != 401 && goes_on())
            pause_ms(LOOK_MS);
        if (goes_on())
            note(worker, began_ms, "lag", other, "-", token.owner->id, 0, "-");
    }
}

/* --- Workers --- */

static void begin_work(struct worker *worker, int number, uint64_t seed)
{
    char path[NAME_SIZE];
    worker->number = number;
    worker->random = seed * (WORKERS + 2) + (uint64_t)number;
    snprintf(path, sizeof path, "%s/journal/load.%d", folder, number);
    worker->journal = fopen(path, "we");
    if (worker->journal == NULL)
        die(path);
}

/* What is checked twice is remembered. With the cache full, a program that grows grows for another reason. */
static bool warm_up(const char *machine)
{
    static struct worker worker;
    struct token token;
    int i = 0;
    while (i < MACHINES && strcmp(machines[i], machine) != 0)
        i++;
    begin_work(&worker, WORKERS + 1, 0);
    for (int count = 0; i < MACHINES && count < CACHED_TOKENS; count++) {
        bool good = grant(&worker, i, &token);
        for (int times = 0; good && times < 2; times++)
            good = check_token(token.text, i, worker.answer) == 200;
        if (!good)
            return false;
    }
    return fclose(worker.journal) == 0;
}

static void work(int number, uint64_t seed, long pause)
{
    static struct worker worker;
    begin_work(&worker, number, seed);
    for (; goes_on(); pause_ms(number == WORKERS ? 2 * pause : chance(&worker, (int)(2 * pause) + 1))) {
        if (number == WORKERS)
            measure_lag(&worker);
        else
            act(&worker);
    }
    for (int i = 0; i < worker.live_count; i++)
        note(&worker, now_ms(), "live", 0, "-", worker.live[i].owner->id, 0, worker.live[i].text);
    if (fclose(worker.journal) != 0)
        die("journal");
    exit(EXIT_SUCCESS);
}

/* Returns whether all workers ended well. The last one measures. */
static bool load(uint64_t seed, long pause)
{
    bool good = true;
    int status;
    for (int number = 0; number <= WORKERS; number++) {
        const pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0)
            work(number, seed, pause);
    }
    while (wait(&status) > 0)
        good &= status == 0;
    return good;
}

static bool read_clients(void)
{
    char path[NAME_SIZE];
    snprintf(path, sizeof path, "%s/secrets/clients", folder);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    int count = 0;
    while (count < CLIENTS && fscanf(file, "%127s %127s", clients[count].id, clients[count].secret) == 2) {
        snprintf(clients[count].source, sizeof clients[count].source, "198.51.100.%d", count);
        count++;
    }
    fclose(file);
    return count == CLIENTS;
}

static void check_all(const char *socket_path)
{
    static struct bytes request;
    static char answer[CONTENT_MAX + 256];
    char token[TOKEN_SIZE];
    char authorization[BEARER_SIZE];
    while (scanf("%1023s", token) == 1) {
        request.length = 0;
        snprintf(authorization, sizeof authorization, "Bearer %s", token);
        append_head_to(&request, "/apiops/auth/verify", false, authorization, 0);
        append_body(&request, "", 0);
        printf("%ld\n", exchange(socket_path, &request, answer));
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        check_all(argv[2]);
        return EXIT_SUCCESS;
    }
    folder = argc > 2 ? argv[2] : "";
    if (!read_clients())
        die("secrets");
    if (argc == 4 && strcmp(argv[1], "warm") == 0)
        return warm_up(argv[3]) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (argc != 5 || strcmp(argv[1], "load") != 0)
        return 2;
    return load(strtoull(argv[3], NULL, 10), strtol(argv[4], NULL, 10)) ? EXIT_SUCCESS : EXIT_FAILURE;
}
