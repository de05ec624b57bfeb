/* TIME. */
#include "admin/admin.h"
#include "base/clock.h"
#include "base/number.h"

void handle_time(struct call *call)
{
    enum { US_PER_SECOND = 1000000 };
    uint64_t now_us = clock_wall_us();
    char digits[NUMBER_INTEGER_SIZE_MAX];
    reply_array(call->reply, 2);
    size_t size = number_format_unsigned(now_us / US_PER_SECOND, digits);
    reply_value(call->reply, bytes_make(digits, size));
    size = number_format_unsigned(now_us % US_PER_SECOND, digits);
    reply_value(call->reply, bytes_make(digits, size));
}
