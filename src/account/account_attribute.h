/* The attributes of a line of the accounts file: "scope=a,b lifetime=600 claim.tenant=acme introspect" */
#ifndef ACCOUNT_ACCOUNT_ATTRIBUTE_H
#define ACCOUNT_ACCOUNT_ATTRIBUTE_H

#include "account/account.h"

/* Checks the attributes and stores them in `account`. Returns NULL if they are valid, else a constant
 * sentence with the remedy. `text` may be absent. */
const char *account_attributes_parse(struct text text, struct account *account);

/* Stores attributes that account_attributes_parse() has checked, without checking them again. Malformed ones,
 * as an unusable line may have, are stored as they are or not at all. */
void account_attributes_read(struct text text, struct account *account);

#endif
