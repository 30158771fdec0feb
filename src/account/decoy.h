/* The line that stands for an unknown client_id, so that its refusal takes as long as another one.
 *
 * All hashes of one method and one cost are a class, and take the same time. Each class has a score for each
 * choice, and the class with the highest score is chosen, whatever number of lines it has (rendezvous
 * hashing). So a choice keeps its class while an account of that class is left, unless a class that is new in
 * the file has a higher score: of n classes, a new one takes one choice in n from the others. Every class is
 * chosen as often as every other, so no account is known by a cost that unknown names never have. */
#ifndef ACCOUNT_DECOY_H
#define ACCOUNT_DECOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account/account.h"
#include "account/password_cost.h"

/* The settings of hashes (password_cost.h) that were seen last, each with the length of the shortest usable
 * line that has it. Nearly all lines have one of them and are no shorter: they need not be parsed. */
enum { DECOY_SETTINGS = 8, DECOY_SETTING_SIZE = 32 };

struct decoy_settings {
    size_t next; /* the one that is replaced next */
    struct {
        char text[DECOY_SETTING_SIZE];
        size_t length;   /* of the text; 0: unused */
        size_t shortest; /* bytes of a line */
    } of[DECOY_SETTINGS];
};

/* Whether a line with that hash is as long as one that was noted with the same setting, or longer. */
bool decoy_settings_hold(const struct decoy_settings *settings, struct text hash, size_t line_length);
void decoy_settings_note(struct decoy_settings *settings, struct text setting, size_t line_length);

/* The class of an account that has a method. False: crypt(3) does not compute such a hash. `cost` is that of
 * the hash. */
bool decoy_class_of(const struct account *account, struct password_cost *cost, uint64_t *class);

/* Of two classes the one with the higher score is chosen. */
uint64_t decoy_score(uint64_t class, uint64_t choice);

/* The classes of a file that is kept in memory, each with the first of its shortest usable lines: an unknown
 * client_id must not take the time that the longest attributes take. Begins as zeros. */
struct decoys {
    struct decoy {
        uint64_t class;
        size_t offset; /* of the line in the file */
        size_t length; /* of the line; 0: the slot is empty */
    } * of;
    size_t count;
    size_t capacity; /* a power of two or 0; after decoys_complete() the count */
    struct decoy_settings seen;
};

/* Call with each usable line that has a method, in the order of the file. False: no memory. */
bool decoys_add(struct decoys *decoys, const struct account *account, size_t offset, size_t length);
/* Call after the last one. */
void decoys_complete(struct decoys *decoys);
/* False: there is none. */
bool decoys_choose(const struct decoys *decoys, uint64_t choice, size_t *offset);
void decoys_free(struct decoys *decoys);

#endif
