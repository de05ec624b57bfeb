#include "base/option.h"

#include "base/number.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct option *option_find(const struct option_group *group, struct bytes name)
{
    for (size_t i = 0; i < group->count; i++) {
        const char *known = group->rows[i].name;
        if (strlen(known) == name.size && strncasecmp(known, name.data, name.size) == 0) {
            return &group->rows[i];
        }
    }
    return NULL;
}

// ---- sizes ----

bool option_parse_size(struct bytes text, uint64_t *bytes_out)
{
    static const struct unit {
        const char *name;
        uint64_t bytes;
    } units[] = {
        {"b", 1},
        {"k", 1000},
        {"kb", 1024},
        {"m", (uint64_t)1000 * 1000},
        {"mb", (uint64_t)1024 * 1024},
        {"g", (uint64_t)1000 * 1000 * 1000},
        {"gb", (uint64_t)1024 * 1024 * 1024},
        {"t", UINT64_C(1000) * 1000 * 1000 * 1000},
        {"tb", UINT64_C(1024) * 1024 * 1024 * 1024},
    };
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') {
        digits++;
    }
    uint64_t factor = digits == text.size ? 1 : 0;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == text.size - digits &&
            strncasecmp(units[i].name, text.data + digits, text.size - digits) == 0) {
            factor = units[i].bytes;
        }
    }
    uint64_t number;
    if (factor == 0 || !number_parse_unsigned(bytes_make(text.data, digits), &number) ||
        number > INT64_MAX / factor) {
        return false;
    }
    *bytes_out = number * factor;
    return true;
}

// ---- fields ----

static void *field_of(const struct option *option, void *settings)
{
    return (char *)settings + option->offset;
}

static const void *const_field_of(const struct option *option, const void *settings)
{
    return (const char *)settings + option->offset;
}

static void store(const struct option *option, void *settings, uint64_t value)
{
    ASSERT(option->size == sizeof(option_value));
    option_value *field = field_of(option, settings);
    atomic_store_explicit(field, value, memory_order_relaxed);
}

static uint64_t load(const struct option *option, const void *settings)
{
    const option_value *field = const_field_of(option, settings);
    return atomic_load_explicit(field, memory_order_relaxed);
}

static bool parse_number(const struct option *option, void *settings, const char *text,
                         char error_out[OPTION_ERROR_MAX])
{
    uint64_t value;
    struct bytes bytes = bytes_of_string(text);
    bool is_size = option->kind == OPTION_SIZE;
    if (is_size ? !option_parse_size(bytes, &value) : !number_parse_unsigned(bytes, &value)) {
        (void)snprintf(error_out, OPTION_ERROR_MAX, "%s",
                       is_size ? "argument must be a memory value"
                               : "argument couldn't be parsed into an integer");
        return false;
    }
    if (value < option->min || value > option->max) {
        (void)snprintf(error_out, OPTION_ERROR_MAX,
                       "argument must be between %llu and %llu inclusive",
                       (unsigned long long)option->min, (unsigned long long)option->max);
        return false;
    }
    store(option, settings, value);
    return true;
}

static bool parse_word(const struct option *option, void *settings, const char *text,
                       char error_out[OPTION_ERROR_MAX])
{
    int at = snprintf(error_out, OPTION_ERROR_MAX, "argument(s) must be one of the following: ");
    for (uint64_t i = 0; option->words[i] != NULL; i++) {
        if (strcasecmp(option->words[i], text) == 0) {
            store(option, settings, i);
            return true;
        }
        at += snprintf(error_out + at, OPTION_ERROR_MAX - (size_t)at, "%s%s", i > 0 ? ", " : "",
                       option->words[i]);
        ASSERT(at < OPTION_ERROR_MAX); // The words are ours.
    }
    return false;
}

static bool parse_path(const struct option *option, void *settings, const char *text,
                       char error_out[OPTION_ERROR_MAX])
{
    size_t size = strlen(text);
    if (size == 0 || size >= option->size) {
        (void)snprintf(error_out, OPTION_ERROR_MAX, "argument must be a path of at most %zu bytes",
                       option->size - 1);
        return false;
    }
    memcpy(field_of(option, settings), text, size + 1);
    return true;
}

bool option_parse(const struct option *option, void *settings, const char *text,
                  char error_out[OPTION_ERROR_MAX])
{
    switch (option->kind) {
    case OPTION_NUMBER:
    case OPTION_SIZE:
        return parse_number(option, settings, text, error_out);
    case OPTION_WORD:
        return parse_word(option, settings, text, error_out);
    case OPTION_PATH:
        return parse_path(option, settings, text, error_out);
    case OPTION_OTHER:
        break;
    }
    return option->parse(field_of(option, settings), text, error_out);
}

void option_print(const struct option *option, const void *settings, char out[OPTION_TEXT_MAX])
{
    switch (option->kind) {
    case OPTION_NUMBER:
    case OPTION_SIZE:
        (void)snprintf(out, OPTION_TEXT_MAX, "%llu", (unsigned long long)load(option, settings));
        return;
    case OPTION_WORD:
        (void)snprintf(out, OPTION_TEXT_MAX, "%s", option->words[load(option, settings)]);
        return;
    case OPTION_PATH:
        (void)snprintf(out, OPTION_TEXT_MAX, "%s", (const char *)const_field_of(option, settings));
        return;
    case OPTION_OTHER:
        break;
    }
    option->print(const_field_of(option, settings), out);
}

void option_copy(const struct option *option, void *to_settings, const void *from_settings)
{
    if (option->size == sizeof(option_value)) {
        store(option, to_settings, load(option, from_settings));
    } else {
        memcpy(field_of(option, to_settings), const_field_of(option, from_settings), option->size);
    }
}
