#include "runtime/worker_services.h"

#include <stdio.h>
#include <string.h>

enum { OUTPUT_LIMIT_MIN = 64 * 1024, CLASS_WORDS = 4, CLASS_WORD_MAX = 32 };

// The next word of a text; empty at its end.
static struct bytes next_word(const char **text)
{
    *text += strspn(*text, " ");
    struct bytes word = bytes_make(*text, strcspn(*text, " "));
    *text += word.size;
    return word;
}

/* "normal <hard limit> <soft limit> <seconds>", as in Redis. Other classes of clients, and soft
 * limits, do not exist. */
static bool parse_output_limit(void *field, const char *text, char error_out[OPTION_ERROR_MAX])
{
    struct bytes words[CLASS_WORDS];
    for (int i = 0; i < CLASS_WORDS; i++) {
        words[i] = next_word(&text);
    }
    uint64_t hard;
    uint64_t soft;
    uint64_t seconds;
    if (!bytes_is_lower_word(words[0], "normal") || next_word(&text).size > 0 ||
        !option_parse_size(words[1], &hard) || !option_parse_size(words[2], &soft) ||
        !option_parse_size(words[3], &seconds) || soft != 0 || seconds != 0) {
        (void)snprintf(error_out, OPTION_ERROR_MAX,
                       "argument must be \"normal <bytes> 0 0\": there are no other classes and "
                       "no soft limits");
        return false;
    }
    if (hard != 0 && hard < OUTPUT_LIMIT_MIN) {
        (void)snprintf(error_out, OPTION_ERROR_MAX, "argument must be 0 or at least %d bytes",
                       OUTPUT_LIMIT_MIN);
        return false;
    }
    option_value *limit = field;
    atomic_store_explicit(limit, hard == 0 ? INT64_MAX : hard, memory_order_relaxed);
    return true;
}

static void print_output_limit(const void *field, char out[OPTION_TEXT_MAX])
{
    const option_value *limit = field;
    uint64_t hard = atomic_load_explicit(limit, memory_order_relaxed);
    (void)snprintf(out, OPTION_TEXT_MAX, "normal %llu 0 0",
                   (unsigned long long)(hard == INT64_MAX ? 0 : hard));
}

static const struct option rows[] = {
    {"timeout", "SECONDS", "0", "close connections that are idle for so long; 0: never",
     OPTION_NUMBER, .is_live = true, .max = 1000000000,
     OPTION_FIELD(struct worker_limits, timeout_s)},
    {"client-output-buffer-limit", "LIMIT", "normal 1gb 0 0",
     "close a connection with more unread replies; 0: no limit", OPTION_OTHER, .is_live = true,
     .parse = parse_output_limit, .print = print_output_limit,
     OPTION_FIELD(struct worker_limits, output_bytes_max)},
    {"client-query-buffer-limit", "BYTES", "1gb", "close a connection with a longer request",
     OPTION_SIZE, .is_live = true, .min = (uint64_t)1024 * 1024, .max = INT64_MAX,
     OPTION_FIELD(struct worker_limits, query_bytes_max)},
    {"maxmemory-clients", "BYTES", "1gb",
     "what all connections together may make the server keep; 0: no limit", OPTION_SIZE,
     .is_live = true, .max = INT64_MAX, OPTION_FIELD(struct worker_limits, client_bytes_max)},
};

const struct option_group worker_options = {rows, sizeof(rows) / sizeof(rows[0])};
