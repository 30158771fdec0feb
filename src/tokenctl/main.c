/* tokenctl: finds the command, reads its options, prints its help. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "process/descriptors.h"
#include "process/dump.h"
#include "tokenctl/change_log.h"
#include "tokenctl/command.h"
#include "version.h"

enum { MESSAGE_SIZE = 4096, LONGEST_TIMEOUT = 86400 };
enum { SHORT_OPTION = 256 }; /* getopt_long() returns numbers from here on for long options */

static const struct command *const groups[] = {init_commands,     account_commands,
                                               change_commands,   list_commands,
                                               hash_commands,     key_commands,
                                               throttle_commands, token_commands,
                                               revoke_commands,   import_commands,
                                               config_commands,   authenticate_commands,
                                               doctor_commands,   NULL};

static const struct option_form {
    const char *name;
    int has_value;
} option_forms[OPTION_COUNT] = {
    [OPTION_ALG] = {"alg", required_argument},
    [OPTION_AUDIENCE] = {"audience", required_argument},
    [OPTION_BEFORE] = {"before", required_argument},
    [OPTION_CLAIM] = {"claim", required_argument},
    [OPTION_CLIENT] = {"client", required_argument},
    [OPTION_DRY_RUN] = {"dry-run", no_argument},
    [OPTION_EXPIRES] = {"expires", required_argument},
    [OPTION_EXPIRES_BEFORE] = {"expires-before", required_argument},
    [OPTION_FROM] = {"from", required_argument},
    [OPTION_GENERATE] = {"generate", no_argument},
    [OPTION_GROUP] = {"group", required_argument},
    [OPTION_ID] = {"id", required_argument},
    [OPTION_INTROSPECT] = {"introspect", required_argument},
    [OPTION_ISSUER] = {"issuer", required_argument},
    [OPTION_JSON] = {"json", no_argument},
    [OPTION_KEEP_OLD] = {"keep-old", no_argument},
    [OPTION_LIFETIME] = {"lifetime", required_argument},
    [OPTION_NEW_SECRETS] = {"new-secrets", no_argument},
    [OPTION_NOTE] = {"note", required_argument},
    [OPTION_NOW] = {"now", no_argument},
    [OPTION_PEM] = {"pem", required_argument},
    [OPTION_PUBLIC] = {"public", no_argument},
    [OPTION_SCOPE] = {"scope", required_argument},
    [OPTION_STATE] = {"state", required_argument},
    [OPTION_TYP] = {"typ", required_argument},
    [OPTION_URL] = {"url", required_argument},
    [OPTION_USER] = {"user", required_argument},
};

int command_error(int status, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    text_make_printable(message, strlen(message));
    fprintf(stderr, "tokenctl: %s\n", message);
    return status;
}

int finish_output(void)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return EXIT_SUCCESS;
    return command_error(EXIT_FAILURE, "standard output: %s", strerror(errno));
}

static int print_help(void)
{
    printf("usage: tokenctl [-c FILE] COMMAND [OPTION…]\n"
           "  -c FILE  the configuration; else $TOKEN_CONF, else %s\n"
           "  --timeout SECONDS  how long to wait for another tokenctl; else until it has finished\n"
           "  -V       print the version\n"
           "  -h       print this; tokenctl COMMAND --help describes a command\n\n",
           SYSCONFDIR "/token/token.conf");
    for (const struct command *const *group = groups; *group != NULL; group++) {
        for (const struct command *command = *group; command->name != NULL; command++)
            printf("  %s\n", command->synopsis);
    }
    puts("\nExit status: 0 done, or already done; 1 not done (standard error has the reason); 2 wrong usage. "
         "See "
         "tokenctl(8).");
    return finish_output();
}

static int print_command_help(const struct command *command)
{
    printf("usage: tokenctl [-c FILE] %s\n\n%s", command->synopsis, command->description);
    return finish_output();
}

/* Returns the number of words of `name` if `words` begins with them, otherwise 0. */
static int words_matched(const char *name, int count, char **words)
{
    const char *space = strchr(name, ' ');
    const size_t first = space != NULL ? (size_t)(space - name) : strlen(name);
    if (count < 1 || strlen(words[0]) != first || memcmp(words[0], name, first) != 0)
        return 0;
    if (space == NULL)
        return 1;
    return count > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

static const struct command *find_command(int count, char **words, int *used)
{
    for (const struct command *const *group = groups; *group != NULL; group++) {
        for (const struct command *command = *group; command->name != NULL; command++) {
            *used = words_matched(command->name, count, words);
            if (*used > 0)
                return command;
        }
    }
    return NULL;
}

/* Prints the usage of each command of two words that begins with `word`. Returns whether there are any. */
static bool print_usages(const char *word, FILE *out)
{
    const size_t length = strlen(word);
    bool any = false;
    for (const struct command *const *group = groups; *group != NULL; group++) {
        for (const struct command *command = *group; command->name != NULL; command++) {
            if (strncmp(command->name, word, length) != 0 || command->name[length] != ' ')
                continue;
            fprintf(out, "usage: tokenctl [-c FILE] %s\n", command->synopsis);
            any = true;
        }
    }
    return any;
}

static int refuse_words(int count, char **words)
{
    if (count == 0)
        return command_error(EXIT_USAGE, "no command was given; tokenctl --help lists them");
    if (count == 2 && (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0) &&
        print_usages(words[0], stdout))
        return finish_output();
    const bool is_half = print_usages(words[0], stderr) && count == 1;
    if (is_half)
        return command_error(EXIT_USAGE, "%s: second word of the command missing", words[0]);
    return command_error(EXIT_USAGE, "there is no command %s%s%s; tokenctl --help lists them", words[0],
                         count > 1 ? " " : "", count > 1 ? words[1] : "");
}

static int refuse_usage(const struct command *command)
{
    fprintf(stderr, "usage: tokenctl [-c FILE] %s\n", command->synopsis);
    return EXIT_USAGE;
}

static int read_argument(const struct command *command, int count, char **words,
                         struct invocation *invocation)
{
    static const int most_of[] = {
        [NO_ARGUMENT] = 0,         [ONE_ARGUMENT] = 1,        [TWO_ARGUMENTS] = 2,
        [PERHAPS_AN_ARGUMENT] = 1, [ANY_ARGUMENTS] = INT_MAX, [SOME_ARGUMENTS] = INT_MAX};
    const int most = most_of[command->arguments];
    static const int least_of[] = {[NO_ARGUMENT] = 0,         [ONE_ARGUMENT] = 1,  [TWO_ARGUMENTS] = 2,
                                   [PERHAPS_AN_ARGUMENT] = 0, [ANY_ARGUMENTS] = 0, [SOME_ARGUMENTS] = 1};
    if (count > most) {
        command_error(0, "more arguments than %s takes: %s", command->name, words[most]);
        return refuse_usage(command);
    }
    if (count < least_of[command->arguments]) {
        command_error(0, "%s: argument missing", command->name);
        return refuse_usage(command);
    }
    invocation->argument = words[0];
    invocation->arguments = words;
    return EXIT_SUCCESS;
}

/* Lists the long options of the command, --timeout and --help. */
static void list_options(const struct command *command, struct option list[OPTION_COUNT + 3])
{
    size_t count = 0;
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (command->options & TAKES(i))
            list[count++] =
                (struct option){option_forms[i].name, option_forms[i].has_value, NULL, SHORT_OPTION + i};
    }
    list[count++] = (struct option){"timeout", required_argument, NULL, 't'};
    list[count++] = (struct option){"help", no_argument, NULL, 'h'};
    list[count] = (struct option){NULL, 0, NULL, 0};
}

static const char *short_options(const struct command *command)
{
    return command->options & TAKES(OPTION_DRY_RUN) ? "c:hn" : "c:h";
}

static int read_timeout(const char *value, struct diagnostics *diagnostics)
{
    long seconds;
    if (!text_parse_number(text_of(value), 0, LONGEST_TIMEOUT, &seconds))
        return command_error(EXIT_USAGE, "--timeout %s: it must be 0 to 86400 seconds", value);
    diagnostics->lock_timeout_ms = seconds > 0 ? seconds * 1000 : 1;
    return EXIT_SUCCESS;
}

/* Stores an option of the command. Returns an exit status. */
static int take_option(struct invocation *invocation, enum command_option option, const char *value)
{
    invocation->values[option] = value != NULL ? value : "";
    if (option != OPTION_CLAIM)
        return EXIT_SUCCESS;
    if (invocation->claim_count == PRIVATE_CLAIMS_MAX)
        return command_error(EXIT_USAGE, "--claim: an account has at most %d claims", PRIVATE_CLAIMS_MAX);
    invocation->claims[invocation->claim_count++] = value;
    return EXIT_SUCCESS;
}

/* `words[0]` is the last word of the command's name, because getopt_long() skips the first word. */
static int run_command(const struct command *command, int count, char **words, struct invocation *invocation)
{
    struct option list[OPTION_COUNT + 3];
    list_options(command, list);
    optind = 0;
    for (int option; (option = getopt_long(count, words, short_options(command), list, NULL)) != -1;) {
        int status = EXIT_SUCCESS;
        if (option == 'h')
            return print_command_help(command);
        if (option == 't')
            status = read_timeout(optarg, invocation->diagnostics);
        else if (option == 'c')
            invocation->config_file = optarg;
        else if (option == 'n')
            status = take_option(invocation, OPTION_DRY_RUN, NULL);
        else if (option >= SHORT_OPTION)
            status = take_option(invocation, (enum command_option)(option - SHORT_OPTION), optarg);
        else
            status = refuse_usage(command);
        if (status != EXIT_SUCCESS)
            return status;
    }
    const int status = read_argument(command, count - optind, words + optind, invocation);
    invocation->config_file = config_path(invocation->config_file);
    return status == EXIT_SUCCESS ? change_log_run(command, invocation) : status;
}

int main(int argc, char **argv)
{
    static const struct option help[] = {{"help", no_argument, NULL, 'h'},
                                         {"timeout", required_argument, NULL, 't'},
                                         {"version", no_argument, NULL, 'V'},
                                         {NULL, 0, NULL, 0}};
    struct diagnostics diagnostics = {.on_message = diagnostics_to_stream, .context = stderr};
    struct invocation invocation = {.diagnostics = &diagnostics};
    /* A reader that has gone is an ordinary error, EPIPE. */
    signal(SIGPIPE, SIG_IGN);
    /* So is a file that has reached its size limit, EFBIG. */
    signal(SIGXFSZ, SIG_IGN);
    if (!sanitise_stdfd())
        return EXIT_FAILURE;
    if (!dump_forbid())
        return command_error(EXIT_FAILURE, "core dumps cannot be forbidden: %s", strerror(errno));
    for (int option; (option = getopt_long(argc, argv, "+c:Vh", help, NULL)) != -1;) {
        if (option == 'h')
            return print_help();
        if (option == 'V') {
            puts("tokenctl " TOKEN_VERSION);
            return finish_output();
        }
        if (option == 't') {
            if (read_timeout(optarg, &diagnostics) != EXIT_SUCCESS)
                return EXIT_USAGE;
            continue;
        }
        if (option != 'c')
            return command_error(EXIT_USAGE, "tokenctl --help lists the options");
        invocation.config_file = optarg;
    }
    int used = 0;
    const struct command *command = find_command(argc - optind, argv + optind, &used);
    if (command == NULL)
        return refuse_words(argc - optind, argv + optind);
    return run_command(command, argc - optind - used + 1, argv + optind + used - 1, &invocation);
}
