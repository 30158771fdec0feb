#!/bin/bash
# words.sh: finds words that do not come back, with file and line. A line that needs one of them ends in a comment
# "allowed: REASON".
set -u
english='whoever|anew|likewise|lest|be it|\w* manieth|a row a|taken for|in hand|lets him|what is made of'
english+='|is so already|puts it out of force|given back in time'
# Names that the mechanisms of this program once had instead of those of the literature.
names='go_on|is_of_begun|crew|governor|key_memory|memory_ttl|nearby|client_authentication|THROTTLE_NO_WAY'
names+='|PASSWORD_PENDING|state_folder|service_slot|take_over|jwt_subject|jwt_signer|descriptors_fill|own_files'
names+='|account_advice|keyset_takes|find_same|ROOMS|gone_on|keep_gate|account_states_count'

# grep's status: 0 found some, 1 found none, 2 could not read
LC_ALL=C grep -rnIP --exclude=words.sh --exclude-dir=corpus --exclude-dir=node_modules \
    "^(?!.*allowed: [^*\s]).*((?i:\b($english)\b)|(?<![A-Za-z])($names)(?![a-z]))" src tests conf README.md Makefile
(($? == 1))
