/* Commands on the server as a whole. */
#include "base/clock.h"
#include "base/number.h"
#include "command/handlers_internal.h"

void handle_info(struct call *call)
{
    call->host->ops->info(call->host, call);
}

void handle_shutdown(struct call *call)
{
    call->host->ops->shutdown(call->host, call);
}

void handle_config(struct call *call)
{
    if (!bytes_is_word(call->argv[1], "GET")) {
        reply_unknown_subcommand(call);
    } else if (call->argc < 3) {
        reply_error(call->reply, "ERR wrong number of arguments for 'config|get' command");
    } else {
        call->host->ops->config_get(call->host, call);
    }
}

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
