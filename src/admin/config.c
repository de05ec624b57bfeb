/* CONFIG. */
#include "admin/admin.h"
#include "base/glob.h"
#include "server/settings.h"

static bool matches_any(const struct call *call, const char *name)
{
    for (uint32_t i = 2; i < call->argc; i++) {
        if (glob_matches_caseless(call->argv[i], bytes_of_string(name))) {
            return true;
        }
    }
    return false;
}

static void reply_setting(struct call *call, const char *name, const char *value)
{
    reply_value(call->reply, bytes_of_string(name));
    reply_value(call->reply, bytes_of_string(value));
}

void handle_config_get(struct call *call)
{
    struct server *server = call->context->server;
    struct config_option option;
    struct config_constant constant;
    size_t count = 0;
    for (size_t i = 0; config_option_at(i, &option); i++) {
        count += matches_any(call, option.row->name);
    }
    for (size_t i = 0; config_constant_at(i, &constant); i++) {
        count += matches_any(call, constant.name);
    }
    reply_map(call->reply, count);
    for (size_t i = 0; config_option_at(i, &option); i++) {
        if (matches_any(call, option.row->name)) {
            char value[OPTION_TEXT_MAX];
            settings_print(server, option, value);
            reply_setting(call, option.row->name, value);
        }
    }
    for (size_t i = 0; config_constant_at(i, &constant); i++) {
        if (matches_any(call, constant.name)) {
            reply_setting(call, constant.name, constant.value);
        }
    }
}

static int shown(struct bytes text)
{
    return (int)(text.size < 128 ? text.size : 128);
}

void handle_config_set(struct call *call)
{
    struct setting_change changes[SETTINGS_CHANGES_MAX];
    uint32_t count = (call->argc - 2) / 2;
    if (call->argc % 2 != 0 || count > SETTINGS_CHANGES_MAX) {
        reply_syntax_error(call->reply);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        changes[i] = (struct setting_change){call->argv[2 + 2 * i], call->argv[3 + 2 * i]};
    }
    struct settings_result result;
    settings_change(call->context->server, changes, count, &result);
    switch (result.outcome) {
    case SETTINGS_CHANGED:
        reply_ok(call->reply);
        return;
    case SETTINGS_UNKNOWN:
        reply_error(call->reply,
                    "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                    shown(result.name), result.name.data);
        return;
    case SETTINGS_REFUSED:
        reply_error(call->reply, "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
                    shown(result.name), result.name.data, result.reason);
        return;
    }
}

void handle_config_resetstat(struct call *call)
{
    metrics_reset(call->context->server);
    reply_ok(call->reply);
}

void handle_config_rewrite(struct call *call)
{
    reply_error(call->reply, "ERR The server is running without a config file");
}
