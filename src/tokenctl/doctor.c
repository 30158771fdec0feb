/* tokenctl doctor */
#include "doctor/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/identity.h"
#include "base/json.h"
#include "base/secret.h"
#include "config/issuer.h"
#include "tokenctl/command.h"
#include "tokenctl/output.h"
#include "tokenctl/secret_input.h"

static size_t count_wrong(const struct findings *findings)
{
    return findings->of_weight[FINDING_ERROR] + findings->of_weight[FINDING_WARNING];
}

/* --- Output --- */

static void print_step(const struct findings *findings, enum finding_step step)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->list[i];
        if (finding->step == step)
            printf("%-8s %-14s %s\n", finding_weight_name(finding->weight), finding_step_name(step),
                   finding->text);
    }
    if (findings->of_step[step] > FINDINGS_OF_STEP)
        printf("%-8s %-14s and %zu more; tokenctl check prints them\n", "note", finding_step_name(step),
               findings->of_step[step] - FINDINGS_OF_STEP);
}

static bool add_object(struct json_object *array, const struct finding *finding)
{
    struct json_object *object = json_object_new_object();
    if (json_add_string(object, "step", finding_step_name(finding->step)) &&
        json_add_string(object, "severity", finding_weight_name(finding->weight)) &&
        output_add(object, "message", text_of(finding->text)) && json_object_array_add(array, object) == 0)
        return true;
    json_object_put(object);
    return false;
}

static int print_json(const struct findings *findings)
{
    struct json_object *object = json_object_new_object();
    struct json_object *array = json_object_new_array();
    bool complete = json_add(object, "good", json_object_new_boolean(count_wrong(findings) == 0)) &&
                    json_add(object, "findings", json_object_get(array));
    for (int step = 0; step < FINDING_STEPS; step++) {
        for (size_t i = 0; complete && i < findings->count; i++)
            complete = (int)findings->list[i].step != step || add_object(array, &findings->list[i]);
    }
    json_object_put(array);
    if (complete)
        return output_object(object, JSON_C_TO_STRING_PRETTY);
    json_object_put(object);
    return command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
}

/* Returns an exit status. */
static int print_findings(const struct findings *findings, bool as_json)
{
    int status = EXIT_SUCCESS;
    for (int step = 0; !as_json && step < FINDING_STEPS; step++)
        print_step(findings, (enum finding_step)step);
    status = as_json ? print_json(findings) : finish_output();
    if (status == EXIT_SUCCESS && count_wrong(findings) > 0)
        return command_error(EXIT_FAILURE, "errors: %zu, warnings: %zu", findings->of_weight[FINDING_ERROR],
                             findings->of_weight[FINDING_WARNING]);
    return status;
}

/* --- Options --- */

/* Returns an exit status. */
static int check_options(const char *url, const char *user)
{
    char *path = NULL;
    struct identity identity;
    const enum issuer_result result = url != NULL ? issuer_parse(url, &path) : ISSUER_GOOD;
    free(path);
    if (result != ISSUER_GOOD)
        return command_error(EXIT_USAGE, "--url %s: it %s", url, issuer_fault(result));
    if (user != NULL && !identity_find_user(user, &identity))
        return command_error(EXIT_USAGE, "--user %s: there is no such user", user);
    return EXIT_SUCCESS;
}

static int run_doctor(const struct invocation *invocation)
{
    char buffer[SECRET_INPUT_SIZE];
    struct doctor doctor = {.config_file = invocation->config_file,
                            .url = invocation->values[OPTION_URL],
                            .user = invocation->values[OPTION_USER],
                            .client_id = text_of(invocation->argument)};
    int status = check_options(doctor.url, doctor.user);
    if (status != EXIT_SUCCESS)
        return status;
    if (doctor.client_id.data != NULL && !secret_input_ask(invocation->argument, buffer, &doctor.secret))
        return EXIT_FAILURE;
    doctor.findings = calloc(1, sizeof *doctor.findings);
    if (doctor.findings != NULL) {
        doctor_look(&doctor);
        status = print_findings(doctor.findings, invocation->values[OPTION_JSON] != NULL);
    } else {
        status = command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
    }
    free(doctor.findings);
    secret_wipe(buffer, sizeof buffer);
    return status;
}

const struct command doctor_commands[] = {
    {"doctor", "doctor [ID] [--url URL] [--user USER] [--json]",
     "Looks at everything between a client and its token, and says what is wrong and what mends it:\n"
     "configuration, files as the user of the service, accounts, keys, state, log and socket, then\n"
     "what arrives through the web server. With ID and its secret, which is typed or on standard\n"
     "input, it fetches a token. It changes nothing. Exit status: 0 all is good, 1 something is wrong.\n"
     "  --url URL     where the endpoints are, such as http://127.0.0.1:8080; else at the issuer\n"
     "  --user USER   who the service runs as; else 'user' of token.conf, or the state's owner\n"
     "  --json        as a JSON object\n",
     TAKES(OPTION_URL) | TAKES(OPTION_USER) | TAKES(OPTION_JSON), PERHAPS_AN_ARGUMENT, run_doctor},
    {.name = NULL},
};
