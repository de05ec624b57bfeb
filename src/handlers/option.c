#include "handlers/option_internal.h"

enum { MS_PER_SECOND = 1000 };

bool expiry_unit_parse(struct bytes word, enum expiry_unit *unit_out)
{
    static const char *const words[] = {
        [EXPIRY_SECONDS] = "EX",
        [EXPIRY_MILLISECONDS] = "PX",
        [EXPIRY_AT_SECONDS] = "EXAT",
        [EXPIRY_AT_MILLISECONDS] = "PXAT",
    };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (bytes_is_word(word, words[i])) {
            *unit_out = (enum expiry_unit)i;
            return true;
        }
    }
    return false;
}

bool expiry_deadline(enum expiry_unit unit, int64_t amount, uint64_t now_ms,
                     uint64_t *deadline_ms_out)
{
    bool in_seconds = unit == EXPIRY_SECONDS || unit == EXPIRY_AT_SECONDS;
    bool from_now = unit == EXPIRY_SECONDS || unit == EXPIRY_MILLISECONDS;
    int64_t deadline_ms = amount;
    if (in_seconds && __builtin_mul_overflow(amount, MS_PER_SECOND, &deadline_ms)) {
        return false;
    }
    if (from_now && __builtin_add_overflow(deadline_ms, (int64_t)now_ms, &deadline_ms)) {
        return false;
    }
    *deadline_ms_out = deadline_ms < 1 ? 1 : (uint64_t)deadline_ms;
    return true;
}
