/* What the owner of memory has to know of token.fcgi's free(), which wipes. */
#ifndef PROCESS_LIBC_HEAP_H
#define PROCESS_LIBC_HEAP_H

/* Larger memory is not wiped: it holds a file or a table, whose owner wipes the secrets in it. */
enum { HEAP_WIPED_MAX = 64 * 1024 };

#endif
