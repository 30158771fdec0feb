/* Selects the decoy: the line whose hash is verified for an unknown client_id, so that the refusal takes as
 * long as that of a known one.
 *
 * All hashes with the same method and cost form a class and take the same time. Each class has a score for
 * each choice. The class with the highest score is selected (rendezvous hashing); the number of its lines
 * does not matter. So a choice keeps its class as long as the file has an account of that class, unless a new
 * class has a higher score: of n classes, a new one takes one choice in n from the others. All classes are
 * selected equally often, so that no account is recognisable by a cost that unknown client_ids never have. */
#ifndef ACCOUNT_DECOY_H
#define ACCOUNT_DECOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account/account.h"
#include "password/password_cost.h"

/* The settings of hashes (password_cost.h) that were seen last, each with a limit. A line that has one of
 * these settings, and a number at or above its limit, need not be parsed. This spares nearly all lines of a
 * file. Initialise it with zeros. */
enum { DECOY_SETTINGS = 8, DECOY_SETTING_SIZE = 32 };

struct decoy_settings {
    size_t next; /* the one that is replaced next */
    struct {
        char text[DECOY_SETTING_SIZE];
        size_t length; /* of the text; 0: unused */
        uint64_t limit;
    } of[DECOY_SETTINGS];
};

/* Returns whether a line with this hash and number need not be parsed. */
bool decoy_settings_hold(const struct decoy_settings *settings, struct text hash, uint64_t number);
/* Adds a setting, which replaces the oldest if all are in use, or sets its new limit. */
void decoy_settings_note(struct decoy_settings *settings, struct text setting, uint64_t limit);

/* Sets `*class` to the class of an account that has a method, and `*cost` to the cost of its hash. False:
 * crypt(3) does not compute such a hash. */
bool decoy_class_of(const struct account *account, struct password_cost *cost, uint64_t *class);

/* Returns the score of a class. The class with the highest score is selected. */
uint64_t decoy_score(uint64_t class, uint64_t choice);

/* The classes of a file that is in memory. Each class has a sample of its usable lines: attributes take time,
 * too, so an unknown client_id must get the attributes of a known one. The sample consists of the lines whose
 * client_ids have the lowest hashes. Rendezvous hashing selects one of them, so that changes of other lines
 * rarely change the selection. Initialise it with zeros. */
enum { DECOY_LINES = 32 };

struct decoys {
    struct decoy {
        uint64_t class;
        struct decoy_line {
            uint64_t hash; /* of the client_id */
            size_t offset; /* in the file, in bytes */
        } * lines;
        size_t count; /* number of lines; 0: the slot is empty */
    } * of;
    size_t count;
    size_t capacity; /* a power of two, or 0; equals the count after decoys_complete() */
    struct decoy_settings seen;
};

/* Call it for each usable line that has a method. `hash` is text_hash() of the client_id. False: out of
 * memory. */
bool decoys_add(struct decoys *decoys, const struct account *account, uint64_t hash, size_t offset);
/* Call it after the last line. */
void decoys_complete(struct decoys *decoys);
/* Sets `*offset` to the offset of the decoy. False: there is none. */
bool decoys_choose(const struct decoys *decoys, uint64_t choice, size_t *offset);
void decoys_free(struct decoys *decoys);

#endif
