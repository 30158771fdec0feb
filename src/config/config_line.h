/* Checks a line of token.conf before inih parses it. A line that inih would silently cut, join to another
 * or take for a comment is an error, so that each line means what it seems to mean. */
#ifndef CONFIG_CONFIG_LINE_H
#define CONFIG_CONFIG_LINE_H

#include "base/text.h"

/* Removes the spaces and tabs around the line, and the end of line. */
struct text config_line_trim(struct text line);

/* Returns the error in the trimmed `line`, which is neither empty nor a comment, with its remedy; NULL if
 * there is none. `size` is inih's capacity for a line with its newline and a NUL. */
const char *config_line_fault(struct text line, size_t size);

#endif
