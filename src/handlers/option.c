#include "handlers/option_internal.h"

#include "command/handler.h"

enum { MS_PER_SECOND = 1000 };

bool expiry_of_options(struct call *call, const struct args_found *found, uint64_t *deadline_ms_out)
{
    int64_t amount;
    uint32_t flag = found->flags & OPTION_EXPIRY;
    if (flag == 0) {
        return true;
    }
    if (!call_integer(call, args_value_at(found, flag), &amount)) {
        return false;
    }
    if (amount <= 0 || !expiry_deadline((enum expiry_unit)__builtin_ctz(flag), amount,
                                        call->access.now_ms, deadline_ms_out)) {
        reply_invalid_expiry(call);
        return false;
    }
    return true;
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
