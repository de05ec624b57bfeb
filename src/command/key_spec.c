#include "command/key_spec.h"

#include "base/error.h"
#include "base/number.h"

// From `first` on, as far as the spec's range goes within the request.
static inline uint32_t count_range(const struct key_spec *spec, uint32_t first, uint32_t argc)
{
    int32_t last = spec->last + (int32_t)(spec->last < 0 ? argc : first);
    return last < (int32_t)first ? 0 : ((uint32_t)last - first) / spec->step + 1;
}

static void find_behind_keyword(const struct key_spec *spec, const struct bytes *argv,
                                uint32_t argc, struct key_run *run_out)
{
    int64_t step = spec->from < 0 ? -1 : 1;
    int64_t at = spec->from < 0 ? (int64_t)argc + spec->from : spec->from;
    run_out->first = argc;
    for (; at > 0 && at < (int64_t)argc && run_out->first == argc; at += step) {
        if (bytes_is_word(argv[at], spec->keyword)) {
            run_out->first = (uint32_t)at + 1;
        }
    }
    uint32_t left = argc - run_out->first;
    run_out->count = spec->part > 1 ? left / spec->part : count_range(spec, run_out->first, argc);
    if (run_out->count > left) {
        run_out->count = 0; // Nothing is behind it.
    }
}

static enum key_mistake find_counted(const struct key_spec *spec, const struct bytes *argv,
                                     uint32_t argc, struct key_run *run_out)
{
    int64_t count;
    int64_t least = spec->count_kind == KEY_COUNT_OF_SCRIPTS ? 0 : 1;
    uint32_t at = (uint32_t)spec->from;
    if (at >= argc || !number_parse_integer(argv[at], &count)) {
        return KEY_COUNT_NO_INTEGER;
    }
    if (count < least) {
        return KEY_COUNT_TOO_SMALL;
    }
    if (count > INT32_MAX && spec->count_kind == KEY_COUNT_OF_PAIRS) {
        return KEY_COUNT_NO_INTEGER;
    }
    if (count > (int64_t)(argc - at - 1) / spec->step) {
        return KEY_COUNT_TOO_LARGE;
    }
    run_out->first = at + 1;
    run_out->count = (uint32_t)count;
    return KEY_FINE;
}

// What is no range at a fixed place.
static __attribute__((noinline)) enum key_mistake find_other(const struct key_spec *spec,
                                                             const struct bytes *argv,
                                                             uint32_t argc, struct key_run *run_out)
{
    if (spec->kind == KEYS_COUNTED) {
        return find_counted(spec, argv, argc, run_out);
    }
    find_behind_keyword(spec, argv, argc, run_out);
    return KEY_FINE;
}

enum key_mistake key_specs_find(const struct key_spec *specs, uint32_t spec_count,
                                const struct bytes *argv, uint32_t argc, struct key_runs *runs_out)
{
    ASSERT(spec_count <= KEY_SPECS_MAX);
    runs_out->key_count = 0;
    for (uint32_t i = 0; i < spec_count; i++) {
        const struct key_spec *spec = &specs[i];
        struct key_run *run = &runs_out->runs[i];
        run->first = (uint32_t)spec->from;
        run->step = spec->step;
        run->access = spec->access;
        if (LIKELY(spec->kind == KEYS_IN_RANGE)) {
            run->count = count_range(spec, run->first, argc);
        } else {
            enum key_mistake mistake = find_other(spec, argv, argc, run);
            if (UNLIKELY(mistake != KEY_FINE)) {
                runs_out->run_count = i;
                return mistake;
            }
        }
        runs_out->key_count += run->count;
    }
    runs_out->run_count = spec_count;
    return KEY_FINE;
}

const char *key_mistake_text(enum key_count_kind kind, enum key_mistake mistake)
{
    static const char *const no_integer = "ERR value is not an integer or out of range";
    static const char *const not_positive = "ERR numkeys should be greater than 0";
    static const char *const too_large = "ERR Number of keys can't be greater than number of args";
    static const char *const syntax = "ERR syntax error";
    static const char *const not_valid = "ERR invalid numkeys value";
    static const char *const not_pairs = "ERR wrong number of key-value pairs";
    static const char *const negative = "ERR Number of keys can't be negative";
    const char *const texts[KEY_COUNT_KINDS][KEY_COUNT_TOO_LARGE + 1] = {
        [KEY_COUNT_OF_SETS] = {NULL, no_integer, NULL, syntax},
        [KEY_COUNT_OF_CARDS] = {NULL, not_positive, not_positive, too_large},
        [KEY_COUNT_OF_POPS] = {NULL, not_positive, not_positive, syntax},
        [KEY_COUNT_OF_SCRIPTS] = {NULL, no_integer, negative, too_large},
        [KEY_COUNT_OF_PAIRS] = {NULL, not_valid, not_valid, not_pairs},
    };
    ASSERT(mistake != KEY_FINE);
    return texts[kind][mistake];
}
