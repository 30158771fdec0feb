/* One line of token.conf before inih sees it: what inih would silently cut, join or take for a comment is an
 * error here, so that each line means what it seems to. */
#ifndef CONFIG_CONFIG_LINE_H
#define CONFIG_CONFIG_LINE_H

#include "base/text.h"

/* Without the blanks around it and the end of line. */
struct text config_line_trim(struct text line);

/* What is wrong with the trimmed `line`, neither empty nor a comment, and how it is mended; NULL: nothing.
 * `size` is inih's room for a line, its newline and a NUL. */
const char *config_line_complaint(struct text line, size_t size);

#endif
