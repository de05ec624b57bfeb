/* key_spec.h - which arguments of a command are keys, and what it does with them.
 *
 *   a range          MGET key [key ...]                 from 1 to the last, step 1
 *                    MSET key value [key value ...]     from 1 to the last, step 2
 *   a counted list   ZUNION numkeys key [key ...]       the count at 1, keys from 2 on
 *                    MSETEX numkeys key value ...       the same, step 2
 *   behind a word    XREAD ... STREAMS key [key ...] id [id ...]
 *                                                       behind STREAMS, the first half of the rest
 *
 * A command has up to KEY_SPECS_MAX of them. One function turns them and a request into runs
 * of keys; locking, prefetching and COMMAND GETKEYS all go by those.
 *
 * Threads: constant data and pure functions.
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { KEY_SPECS_MAX = 3 };

/* What happens to a key, in Redis's words: one of the first four, and what its value suffers. */
enum key_access {
    KEY_RO = 1 << 0,     // Read only.
    KEY_RW = 1 << 1,     // Read and written.
    KEY_OW = 1 << 2,     // Overwritten, whatever was there.
    KEY_RM = 1 << 3,     // Removed.
    KEY_ACCESS = 1 << 4, // The value itself is answered, copied or decides.
    KEY_UPDATE = 1 << 5,
    KEY_INSERT = 1 << 6,
    KEY_DELETE = 1 << 7,
    KEY_VARIABLE = 1 << 8,   // Options change what is done.
    KEY_INCOMPLETE = 1 << 9, // There may be more keys than the specs find.
};

enum key_kind {
    KEYS_IN_RANGE,
    KEYS_COUNTED, // `from` is how many follow it.
    KEYS_BEHIND,  // `keyword`
};

/* How a command answers a wrong count of keys; Redis has a text for each kin. */
enum key_count_kind {
    KEY_COUNT_OF_SETS,    // ZUNION, ZINTER, ZDIFF and their STOREs
    KEY_COUNT_OF_CARDS,   // SINTERCARD
    KEY_COUNT_OF_POPS,    // LMPOP, ZMPOP and their blocking forms
    KEY_COUNT_OF_SCRIPTS, // EVAL, FCALL: 0 is fine
    KEY_COUNT_OF_PAIRS,   // MSETEX
    KEY_COUNT_KINDS
};

struct key_spec {
    uint16_t access;     // enum key_access
    uint8_t kind;        // enum key_kind
    uint8_t count_kind;  // enum key_count_kind
    int16_t from;        // Where they begin, or their count is. Behind a keyword: where looking for
                         // it begins; negative: so far from the end, and backwards.
    int16_t last;        // Ranges: so far behind the first; negative: counted from the end.
    uint8_t step;        // Between two keys.
    uint8_t part;        // Behind a keyword: only the first part-th of the rest; 0: all of it.
    const char *keyword; // Upper case; NULL: none.
};

/* argv[first], argv[first + step] ... are keys. */
struct key_run {
    uint32_t first;
    uint32_t count;
    uint32_t step;
    uint32_t access; // enum key_access
};

struct key_runs {
    struct key_run runs[KEY_SPECS_MAX];
    uint32_t run_count;
    uint32_t key_count; // Of all runs.
};

/* What is wrong with a count of keys. */
enum key_mistake { KEY_FINE, KEY_COUNT_NO_INTEGER, KEY_COUNT_TOO_SMALL, KEY_COUNT_TOO_LARGE };

/* Find the keys of a request that is within the arity of its command. On a mistake, which only
 * counted lists make, *runs_out is not defined but for run_count: the spec that is wrong. */
enum key_mistake key_specs_find(const struct key_spec *specs, uint32_t spec_count,
                                const struct bytes *argv, uint32_t argc, struct key_runs *runs_out);

/* Redis's text for a mistake, with its code; NULL: it names the command, see call.c. */
const char *key_mistake_text(enum key_count_kind kind, enum key_mistake mistake);
