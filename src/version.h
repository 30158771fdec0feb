/* The release, for -V of both programs. */
#ifndef VERSION_H
#define VERSION_H

#define TOKEN_VERSION "0.1.0"

#endif
