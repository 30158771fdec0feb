#include "base/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { MESSAGE_SIZE = 1024 };

void diagnostics_add(struct diagnostics *diagnostics, enum severity severity, const char *file, size_t line,
                     const char *format, ...)
{
    char message[MESSAGE_SIZE];
    if (line > 0)
        snprintf(message, sizeof message, "%s:%zu: ", file, line);
    else
        snprintf(message, sizeof message, "%s: ", file);

    const size_t used = strlen(message);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message + used, sizeof message - used, format, arguments);
    va_end(arguments);
    text_make_printable(message, strlen(message));

    if (diagnostics->warnings_only)
        severity = SEVERITY_WARNING;
    if (severity == SEVERITY_ERROR)
        diagnostics->errors++;
    else
        diagnostics->warnings++;
    if (severity == SEVERITY_WARNING && diagnostics->errors_only)
        return;
    diagnostics->on_message(diagnostics->context, severity, message);
}

void diagnostics_ignore(void *context, enum severity severity, const char *message)
{
    (void)context;
    (void)severity;
    (void)message;
}

void diagnostics_to_stream(void *context, enum severity severity, const char *message)
{
    fprintf(context, "%s: %s\n", severity == SEVERITY_ERROR ? "error" : "warning", message);
}
