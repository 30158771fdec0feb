#include "tokenctl/attribute_option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "account/account.h"
#include "base/buffer.h"
#include "base/clock.h"

_Static_assert(ATTRIBUTE_CHANGES_MAX >= PRIVATE_CLAIMS_MAX + 16, "there is an element for each option");

/* Scopes are separated by spaces in OAuth, and by commas in the file. */
static void append_list(struct buffer *out, const char *value, bool is_encoded)
{
    const char *separator = "";
    for (struct text rest = text_of(value); rest.data != NULL;) {
        const struct text item = text_split(&rest, ' ');
        char *encoded = is_encoded ? malloc(3 * item.length + 1) : NULL;
        if (item.length > 0) {
            buffer_print(out, "%s", separator);
            separator = ",";
        }
        if (encoded != NULL)
            buffer_add(out, (struct text){encoded, text_percent_encode(item, encoded)});
        else
            buffer_add(out, item);
        out->out_of_memory |= is_encoded && encoded == NULL;
        free(encoded);
    }
}

static bool put_scopes(struct buffer *out, const char *value)
{
    append_list(out, value, false);
    return true;
}

static bool put_audiences(struct buffer *out, const char *value)
{
    append_list(out, value, true);
    return true;
}

static bool put_as_it_is(struct buffer *out, const char *value)
{
    buffer_add(out, text_of(value));
    return strchr(value, ' ') == NULL;
}

static bool put_encoded(struct buffer *out, const char *value)
{
    char *encoded = malloc(3 * strlen(value) + 1);
    if (encoded != NULL)
        buffer_add(out, (struct text){encoded, text_percent_encode(text_of(value), encoded)});
    out->out_of_memory |= encoded == NULL;
    free(encoded);
    return true;
}

static bool put_seconds(struct buffer *out, const char *value)
{
    int64_t seconds;
    if (!clock_parse_duration(value, strlen(value), &seconds))
        return false;
    buffer_print(out, "%" PRId64, seconds);
    return true;
}

/* A date stays as it was given. */
static bool put_date(struct buffer *out, const char *value)
{
    int64_t seconds;
    char date[CLOCK_DATE_SIZE];
    if (value[0] != '+')
        return put_as_it_is(out, value);
    if (!clock_parse_when(value, strlen(value), clock_now(), &seconds))
        return false;
    clock_format_date(seconds, date);
    buffer_add(out, text_of(date));
    return true;
}

static const struct attribute_option {
    enum command_option option;
    const char *name;
    bool (*put)(struct buffer *out, const char *value); /* writes the value of the file; false: refused */
    const char *fault; /* the message for a bad value; NULL: the one for the accounts file */
} attribute_options[] = {
    {OPTION_SCOPE, "scope", put_scopes,
     "it must be scopes of RFC 6749, each of them once, with blanks between them"},
    {OPTION_LIFETIME, "lifetime", put_seconds,
     "it must be 0 (never expires) to 315360000 seconds, or a time such as 90d, 12h, 30m"},
    {OPTION_EXPIRES, "expires", put_date,
     "it must be a date or a time in UTC: 2027-01-31, 2027-01-31T12:00:00Z, or +90d from now"},
    {OPTION_FROM, "from", put_as_it_is, NULL},
    {OPTION_AUDIENCE, "audience", put_audiences,
     "it must be audiences, each of them once, with blanks between them, at most 8192 bytes"},
    {OPTION_TYP, "typ", put_as_it_is, NULL},
    {OPTION_NOTE, "note", put_encoded,
     "it must be text in UTF-8 of at most 1024 bytes, without control characters; a blank is three of them"},
};

/* Reports the fault of an option's value. Returns an exit status. */
static int refuse_option(const char *option, const char *value, const char *fault)
{
    return command_error(EXIT_USAGE, "--%s %s: %s", option, value, fault);
}

static bool is_option_given(const struct attribute_options *options, struct text name)
{
    for (size_t i = 0; i < options->count; i++) {
        if (text_equal(options->changes[i].name, name))
            return true;
    }
    return false;
}

/* Adds a change and takes `item`, "name=value"; `has_value`: false takes the attribute out. Returns false if
 * memory runs out. */
static bool add_change(struct attribute_options *options, struct buffer *item, bool has_value)
{
    if (item->out_of_memory) {
        buffer_free(item);
        return false;
    }
    struct text rest = {item->data, item->length};
    struct attribute_change *change = &options->changes[options->count++];
    change->name = text_split(&rest, '=');
    change->item = (struct text){item->data, has_value ? item->length : 0};
    return true;
}

/* Reads one option. Returns an exit status. */
static int read_option(const struct attribute_option *form, const char *value, bool may_remove,
                       struct attribute_options *options)
{
    struct buffer item = {0};
    const bool has_value = !may_remove || value[0] != '\0';
    buffer_print(&item, "%s=", form->name);
    const bool is_put = !has_value || form->put(&item, value);
    const char *fault = NULL;
    if (!is_put)
        fault = strchr(value, ' ') != NULL ? "there is a blank in it" : "malformed";
    else if (has_value && !item.out_of_memory)
        fault = account_attributes_fault((struct text){item.data, item.length});
    if (fault != NULL) {
        buffer_free(&item);
        return refuse_option(form->name, value, form->fault != NULL ? form->fault : fault);
    }
    return add_change(options, &item, has_value) ? EXIT_SUCCESS
                                                 : command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
}

/* Reads NAME=VALUE. Returns an exit status. */
static int read_claim(const char *claim, bool may_remove, struct attribute_options *options)
{
    struct buffer item = {0};
    struct text value = text_of(claim);
    const struct text name = text_split(&value, '=');
    const bool has_value = value.data != NULL && value.length > 0;
    buffer_print(&item, "claim.");
    buffer_add(&item, name);
    buffer_print(&item, "=");
    if (has_value)
        put_encoded(&item, value.data);
    const char *fault = NULL;
    const struct text attribute = {item.data, item.length};
    const bool is_removal = may_remove && value.data != NULL && !has_value;
    if (value.data == NULL)
        fault = "it must be NAME=VALUE";
    else if (!item.out_of_memory && !is_removal)
        fault = account_attributes_fault(attribute);
    if (fault == NULL && memchr(claim, ' ', name.length) != NULL)
        fault = "there is a blank in the name";
    if (fault == NULL && !item.out_of_memory &&
        is_option_given(options, (struct text){item.data, sizeof "claim." - 1 + name.length}))
        fault = "it is given twice";
    if (fault != NULL) {
        buffer_free(&item);
        return refuse_option("claim", claim, fault);
    }
    return add_change(options, &item, has_value) ? EXIT_SUCCESS
                                                 : command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
}

/* `introspect` has no value: yes is the attribute, no its absence. */
static int read_introspect(const char *value, struct attribute_options *options)
{
    const bool yes = strcmp(value, "yes") == 0;
    struct buffer item = {0};
    if (!yes && strcmp(value, "no") != 0)
        return refuse_option("introspect", value, "it must be yes or no");
    buffer_print(&item, "introspect");
    return add_change(options, &item, yes) ? EXIT_SUCCESS
                                           : command_error(EXIT_FAILURE, "%s", strerror(ENOMEM));
}

int attribute_options_read(const struct invocation *invocation, bool may_remove,
                           struct attribute_options *options)
{
    int status = EXIT_SUCCESS;
    options->count = 0;
    for (size_t i = 0; i < sizeof attribute_options / sizeof *attribute_options; i++) {
        const char *value = invocation->values[attribute_options[i].option];
        if (value != NULL && status == EXIT_SUCCESS)
            status = read_option(&attribute_options[i], value, may_remove, options);
    }
    for (size_t i = 0; i < invocation->claim_count && status == EXIT_SUCCESS; i++)
        status = read_claim(invocation->claims[i], may_remove, options);
    const char *introspect = invocation->values[OPTION_INTROSPECT];
    if (introspect != NULL && status == EXIT_SUCCESS)
        status = read_introspect(introspect, options);
    return status;
}

/* The name is the start of the memory of an item. */
void attribute_options_free(struct attribute_options *options)
{
    for (size_t i = 0; i < options->count; i++)
        free((char *)options->changes[i].name.data);
    options->count = 0;
}
