#include "base/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { MESSAGE_SIZE = 1024 };

void report_problem(struct report *report, enum severity severity, const char *file, size_t line,
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

    if (severity == SEVERITY_ERROR)
        report->errors++;
    else
        report->warnings++;
    if (severity == SEVERITY_WARNING && report->errors_only)
        return;
    report->problem(report->context, severity, message);
}

void report_to_stream(void *context, enum severity severity, const char *message)
{
    fprintf(context, "%s: %s\n", severity == SEVERITY_ERROR ? "error" : "warning", message);
}
