/* CONFIG. */
#include "admin/admin.h"
#include "base/glob.h"
#include "server/server.h"

static bool matches_any(const struct call *call, const char *name)
{
    for (uint32_t i = 2; i < call->argc; i++) {
        if (glob_matches_caseless(call->argv[i], bytes_of_string(name))) {
            return true;
        }
    }
    return false;
}

// Options of Redis that clients and benchmarks ask for; here they have one value.
static const char *const constants[][2] = {
    {"save", ""},
    {"appendonly", "no"},
    {"maxmemory", "0"},
    {"maxmemory-policy", "noeviction"},
};
enum { CONSTANTS = sizeof(constants) / sizeof(constants[0]) };

void handle_config_get(struct call *call)
{
    const struct server *server = call->context->server;
    const char *name;
    char value[CONFIG_TEXT_MAX];
    size_t count = 0;
    for (size_t i = 0; config_describe(&server->config, i, &name, value); i++) {
        count += matches_any(call, name);
    }
    for (size_t i = 0; i < CONSTANTS; i++) {
        count += matches_any(call, constants[i][0]);
    }
    reply_array(call->reply, 2 * count);
    for (size_t i = 0; config_describe(&server->config, i, &name, value); i++) {
        if (matches_any(call, name)) {
            reply_value(call->reply, bytes_of_string(name));
            reply_value(call->reply, bytes_of_string(value));
        }
    }
    for (size_t i = 0; i < CONSTANTS; i++) {
        if (matches_any(call, constants[i][0])) {
            reply_value(call->reply, bytes_of_string(constants[i][0]));
            reply_value(call->reply, bytes_of_string(constants[i][1]));
        }
    }
}
