/* tokenctl hash-cost */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "password/password_cost.h"
#include "password/password_speed.h"
#include "tokenctl/command.h"
#include "tokenctl/output.h"

/* The settings that tokenctl itself hashes with, and the commands that use them. */
enum { OF_PASSWD, OF_GENERATE, OWN_SETTINGS };

static const char *const used_by[OWN_SETTINGS] = {
    [OF_PASSWD] = "tokenctl passwd",
    [OF_GENERATE] = "tokenctl passwd --generate",
};

struct costs {
    char *own[OWN_SETTINGS];
    void (*print)(struct costs *costs, const struct password_scale *scale, unsigned long count,
                  const struct password_cost *cost, double ms);
    bool has_head; /* of the table */
    struct output_array array;
};

/* Returns the command that hashes with `setting`, or NULL. */
static const char *user_of(const struct costs *costs, const struct password_scale *scale, struct text setting)
{
    const struct password_method *method = password_method_named(text_of(scale->method));
    for (size_t i = 0; i < OWN_SETTINGS; i++) {
        struct password_cost own;
        if (strncmp(costs->own[i], method->prefix, strlen(method->prefix)) == 0 &&
            password_cost_read(method, text_of(costs->own[i]), &own) && own.setting.length > 0 &&
            text_equal(own.setting, setting))
            return used_by[i];
    }
    return NULL;
}

static void print_memory(double bytes)
{
    static const double mebi = 1024.0 * 1024.0;
    if (bytes == 0)
        printf("  %8s", "-");
    else if (bytes < mebi)
        printf("  %4.0f KiB", bytes / 1024);
    else
        printf("  %4.0f MiB", bytes / mebi);
}

static void print_cost_row(struct costs *costs, const struct password_scale *scale, unsigned long count,
                           const struct password_cost *cost, double ms)
{
    const char *user = user_of(costs, scale, cost->setting);
    if (!costs->has_head)
        printf("%-13s  %6s  %-16s  %9s  %13s  %8s\n", "METHOD", "COST", "SETTING", "MS", "TOKENS/S/CORE",
               "MEMORY");
    costs->has_head = true;
    printf("%-13s", scale->method);
    if (count > 0)
        printf("  %6lu", count);
    else
        printf("  %6s", "-");
    printf("  %-16.*s  %9.3f  %13.1f", (int)cost->setting.length, cost->setting.data, ms, 1000 / ms);
    print_memory(cost->memory);
    printf("%s%s\n", user != NULL ? "  " : "", user != NULL ? user : "");
}

/* Adds `value` with three decimals, because the measurement is no more exact. */
static bool add_decimal(struct json_object *object, const char *key, double value)
{
    char text[64];
    snprintf(text, sizeof text, "%.3f", value);
    return json_add(object, key, json_object_new_double_s(value, text));
}

/* Returns NULL if memory runs out. */
static struct json_object *cost_object(const struct costs *costs, const struct password_scale *scale,
                                       unsigned long count, const struct password_cost *cost, double ms)
{
    const char *user = user_of(costs, scale, cost->setting);
    struct json_object *object = json_object_new_object();
    if (json_add_string(object, "method", scale->method) &&
        (count == 0 || json_add_number(object, "cost", (int64_t)count)) &&
        json_add_text(object, "setting", cost->setting) && add_decimal(object, "milliseconds", ms) &&
        add_decimal(object, "tokens_per_second", 1000 / ms) &&
        (cost->memory == 0 || json_add_number(object, "memory", (int64_t)cost->memory)) &&
        (user == NULL || json_add_string(object, "used_by", user)))
        return object;
    json_object_put(object);
    return NULL;
}

static void print_cost_object(struct costs *costs, const struct password_scale *scale, unsigned long count,
                              const struct password_cost *cost, double ms)
{
    output_array_add(&costs->array, cost_object(costs, scale, count, cost, ms));
}

static int measure_cost(struct costs *costs, const struct password_scale *scale, unsigned long count)
{
    const struct password_method *method = password_method_named(text_of(scale->method));
    char *setting = password_scale_setting(scale, count);
    const char *fault = NULL;
    struct password_cost cost;
    double ms = 0;
    if (setting == NULL)
        fault = strerror(errno);
    else if (!password_cost_read(method, text_of(setting), &cost))
        fault = "its setting is not understood";
    else if (password_measure(method, text_of(setting), &ms) != PASSWORD_MISMATCH)
        fault = "it cannot be computed: out of memory, or crypt(3) does not have it";
    else
        costs->print(costs, scale, count, &cost, ms);
    if (costs->array.out_of_memory)
        fault = strerror(ENOMEM);
    free(setting);
    return fault == NULL ? EXIT_SUCCESS : command_error(EXIT_FAILURE, "%s: %s", scale->method, fault);
}

static int measure_all(struct costs *costs, const struct password_scale *scale)
{
    int status = measure_cost(costs, scale, scale->counts[0]);
    for (size_t i = 1; i < PASSWORD_COUNTS && scale->counts[i] > 0 && status == EXIT_SUCCESS; i++)
        status = measure_cost(costs, scale, scale->counts[i]);
    return status;
}

static bool is_method_selected(const struct invocation *invocation, const struct password_scale *scale)
{
    for (char *const *word = invocation->arguments; *word != NULL; word++) {
        if (strcmp(*word, scale->method) == 0)
            return true;
    }
    return invocation->argument == NULL && !password_method_named(text_of(scale->method))->legacy;
}

static int refuse_unknown(const struct invocation *invocation)
{
    for (char *const *word = invocation->arguments; *word != NULL; word++) {
        if (password_method_named(text_of(*word)) != NULL)
            continue;
        command_error(0, "there is no method %s; known are:", *word);
        for (size_t i = 0; i < PASSWORD_SCALES; i++)
            fprintf(stderr, "  %s\n", password_scales[i].method);
        return EXIT_USAGE;
    }
    return EXIT_SUCCESS;
}

static int measure_selected(const struct invocation *invocation, struct costs *costs)
{
    int status = EXIT_SUCCESS;
    for (size_t i = 0; i < PASSWORD_SCALES && status == EXIT_SUCCESS; i++) {
        if (is_method_selected(invocation, &password_scales[i]))
            status = measure_all(costs, &password_scales[i]);
    }
    return status;
}

static int run_hash_cost(const struct invocation *invocation)
{
    const bool json = invocation->values[OPTION_JSON] != NULL;
    struct costs costs = {.print = json ? print_cost_object : print_cost_row};
    int status = refuse_unknown(invocation);
    if (status != EXIT_SUCCESS)
        return status;
    costs.own[OF_PASSWD] = password_setting(false);
    costs.own[OF_GENERATE] = password_setting(true);
    if (costs.own[OF_PASSWD] == NULL || costs.own[OF_GENERATE] == NULL)
        status = command_error(EXIT_FAILURE, "no setting was made: %s", strerror(errno));
    else
        status = measure_selected(invocation, &costs);
    if ((json ? output_array_end(&costs.array) : finish_output()) != EXIT_SUCCESS)
        status = EXIT_FAILURE;
    for (size_t i = 0; i < OWN_SETTINGS; i++)
        free(costs.own[i]);
    return status;
}

const struct command hash_commands[] = {
    {"hash-cost", "hash-cost [--json] [METHOD…]",
     "Measures what a verification takes on this machine, at usual costs of each METHOD, or of\n"
     "all methods that are not legacy: CPU time, tokens per second and core, memory. Needs no\n"
     "configuration.\n"
     "  --json   as an array of JSON objects\n",
     TAKES(OPTION_JSON), ANY_ARGUMENTS, run_hash_cost},
    {.name = NULL},
};
