#include "server/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

__attribute__((format(printf, 3, 4))) static bool refuse(struct settings_result *result,
                                                         struct bytes name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(result->reason, sizeof(result->reason), format, arguments);
    va_end(arguments);
    result->outcome = SETTINGS_REFUSED;
    result->name = name;
    return false;
}

// A constant may be set to what it is.
static bool is_constant(const struct setting_change *change, bool *same_out)
{
    struct config_constant constant;
    for (size_t i = 0; config_constant_at(i, &constant); i++) {
        if (strlen(constant.name) == change->name.size &&
            strncasecmp(constant.name, change->name.data, change->name.size) == 0) {
            *same_out = bytes_equal(change->value, bytes_of_string(constant.value));
            return true;
        }
    }
    return false;
}

static bool read_value(struct config *config, const struct setting_change *change,
                       struct settings_result *result)
{
    struct config_option option;
    char text[OPTION_TEXT_MAX];
    bool is_same = false;
    if (is_constant(change, &is_same)) {
        return is_same || refuse(result, change->name, "can't set immutable config");
    }
    if (!config_option_find(change->name, &option)) {
        result->outcome = SETTINGS_UNKNOWN;
        result->name = change->name;
        return false;
    }
    if (!option.row->is_live) {
        return refuse(result, change->name, "can't set immutable config");
    }
    if (change->value.size >= sizeof(text) ||
        memchr(change->value.data, '\0', change->value.size) != NULL) {
        return refuse(result, change->name, "argument is too long or has a NUL in it");
    }
    memcpy(text, change->value.data, change->value.size);
    text[change->value.size] = '\0';
    char error[OPTION_ERROR_MAX];
    return option_parse(option.row, config_settings(config, option), text, error) ||
           refuse(result, change->name, "%s", error);
}

static bool names_differ(const struct setting_change *changes, size_t count,
                         struct settings_result *result)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (changes[i].name.size == changes[j].name.size &&
                strncasecmp(changes[i].name.data, changes[j].name.data, changes[i].name.size) ==
                    0) {
                return refuse(result, changes[i].name, "duplicate parameter");
            }
        }
    }
    return true;
}

static void copy_live(struct config *to, struct config *from)
{
    struct config_option option;
    for (size_t i = 0; config_option_at(i, &option); i++) {
        if (option.row->is_live) {
            option_copy(option.row, config_settings(to, option), config_settings(from, option));
        }
    }
}

void settings_change(struct server *server, const struct setting_change *changes, size_t count,
                     struct settings_result *result_out)
{
    *result_out = (struct settings_result){.outcome = SETTINGS_CHANGED};
    if (count > SETTINGS_CHANGES_MAX) {
        (void)refuse(result_out, changes[0].name, "too many settings at a time");
        return;
    }
    (void)pthread_mutex_lock(&server->settings_lock);
    struct config fresh = server->config;
    bool is_fine = names_differ(changes, count, result_out);
    for (size_t i = 0; is_fine && i < count; i++) {
        is_fine = read_value(&fresh, &changes[i], result_out);
    }
    uint64_t clients_max = fresh.clients_max;
    if (is_fine && server_reserve_descriptors(server, &clients_max) < 0) {
        is_fine = refuse(result_out, bytes_of_string("maxclients"),
                         "The operating system is not able to handle the specified number of "
                         "clients, try with %llu",
                         (unsigned long long)clients_max);
    }
    if (is_fine) {
        copy_live(&server->config, &fresh);
        server_adopt_settings(server);
    }
    (void)pthread_mutex_unlock(&server->settings_lock);
}

void settings_print(struct server *server, struct config_option option, char out[OPTION_TEXT_MAX])
{
    (void)pthread_mutex_lock(&server->settings_lock);
    option_print(option.row, config_settings(&server->config, option), out);
    (void)pthread_mutex_unlock(&server->settings_lock);
}
