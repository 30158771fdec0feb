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
#include "password/password_cost.h"

/* The settings of hashes (password_cost.h) that were seen last, each with a limit: a line with one of them,
 * and with a number that is not under its limit, need not be parsed. Nearly all lines of a file are such.
 * Begins as zeros. */
enum { DECOY_SETTINGS = 8, DECOY_SETTING_SIZE = 32 };

struct decoy_settings {
    size_t next; /* the one that is replaced next */
    struct {
        char text[DECOY_SETTING_SIZE];
        size_t length; /* of the text; 0: unused */
        uint64_t limit;
    } of[DECOY_SETTINGS];
};

bool decoy_settings_hold(const struct decoy_settings *settings, struct text hash, uint64_t number);
void decoy_settings_note(struct decoy_settings *settings, struct text setting, uint64_t limit);

/* The class of an account that has a method. False: crypt(3) does not compute such a hash. `cost` is that of
 * the hash. */
bool decoy_class_of(const struct account *account, struct password_cost *cost, uint64_t *class);

/* Of two classes the one with the higher score is chosen. */
uint64_t decoy_score(uint64_t class, uint64_t choice);

/* The classes of a file that is kept in memory. Each has a sample of its usable lines: the attributes of a
 * line take a time, too, so that unknown client_ids are to have the attributes that known ones have. The
 * lines whose client_ids have the lowest hashes are the sample, and one of them is chosen by rendezvous
 * hashing, so that other lines seldom change it. Begins as zeros. */
enum { DECOY_LINES = 32 };

struct decoys {
    struct decoy {
        uint64_t class;
        struct decoy_line {
            uint64_t hash; /* of the client_id */
            size_t offset; /* of the line in the file */
        } * lines;
        size_t count; /* of the lines; 0: the slot is empty */
    } * of;
    size_t count;
    size_t capacity; /* a power of two or 0; after decoys_complete() the count */
    struct decoy_settings seen;
};

/* Call with each usable line that has a method. `hash` is text_hash() of the client_id. False: no memory. */
bool decoys_add(struct decoys *decoys, const struct account *account, uint64_t hash, size_t offset);
/* Call after the last one. */
void decoys_complete(struct decoys *decoys);
/* False: there is none. */
bool decoys_choose(const struct decoys *decoys, uint64_t choice, size_t *offset);
void decoys_free(struct decoys *decoys);

#endif
