#include "server/config.h"

#include "base/number.h"
#include "net/listener.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

struct option {
    const char *name;     // As a flag, without "--".
    const char *argument; // What --help calls its argument.
    const char *help;
    // Take the argument in. False with what is expected in expected_out.
    bool (*parse)(struct config *config, const struct option *option, const char *text,
                  const char **expected_out);
    void (*print)(const struct config *config, const struct option *option,
                  char out[CONFIG_TEXT_MAX]);
    size_t offset;            // Of the field, for numbers and words.
    size_t size;              // Of the field.
    uint64_t min, max;        // Numbers.
    const char *const *words; // Words, in the order of the enum, ending in NULL.
};

// ---- fields ----

static void store_number(struct config *config, const struct option *option, uint64_t value)
{
    // Little-endian, as all of FastKV: the low bytes of a number come first.
    memcpy((char *)config + option->offset, &value, option->size);
}

static uint64_t load_number(const struct config *config, const struct option *option)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)config + option->offset, option->size);
    return value;
}

static bool parse_number(struct config *config, const struct option *option, const char *text,
                         const char **expected_out)
{
    uint64_t value;
    *expected_out = "a number";
    if (!number_parse_unsigned(bytes_of_string(text), &value) || value < option->min ||
        value > option->max) {
        return false;
    }
    store_number(config, option, value);
    return true;
}

static void print_number(const struct config *config, const struct option *option,
                         char out[CONFIG_TEXT_MAX])
{
    (void)snprintf(out, CONFIG_TEXT_MAX, "%llu", (unsigned long long)load_number(config, option));
}

static bool parse_word(struct config *config, const struct option *option, const char *text,
                       const char **expected_out)
{
    *expected_out = option->argument;
    for (uint64_t i = 0; option->words[i] != NULL; i++) {
        if (strcmp(option->words[i], text) == 0) {
            store_number(config, option, i);
            return true;
        }
    }
    return false;
}

static void print_word(const struct config *config, const struct option *option,
                       char out[CONFIG_TEXT_MAX])
{
    (void)snprintf(out, CONFIG_TEXT_MAX, "%s", option->words[load_number(config, option)]);
}

static bool parse_path(struct config *config, const struct option *option, const char *text,
                       const char **expected_out)
{
    *expected_out =
        option->size > 200 ? "a path of at most 255 bytes" : "a path of at most 107 bytes";
    if (text[0] == '\0' || strlen(text) >= option->size) {
        return false;
    }
    memcpy((char *)config + option->offset, text, strlen(text) + 1);
    return true;
}

static void print_path(const struct config *config, const struct option *option,
                       char out[CONFIG_TEXT_MAX])
{
    (void)snprintf(out, CONFIG_TEXT_MAX, "%s", (const char *)config + option->offset);
}

static bool parse_bind(struct config *config, const struct option *option, const char *text,
                       const char **expected_out)
{
    (void)option;
    *expected_out = "up to 16 addresses, separated by commas or blanks";
    config->bind_count = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, ", ");
        if (size > 0) {
            if (config->bind_count == CONFIG_BINDS_MAX || size >= sizeof(config->bind[0])) {
                return false;
            }
            memcpy(config->bind[config->bind_count], text, size);
            config->bind[config->bind_count][size] = '\0';
            config->bind_count++;
        }
        text += size;
        text += strspn(text, ", ");
    }
    return config->bind_count > 0;
}

static void print_bind(const struct config *config, const struct option *option,
                       char out[CONFIG_TEXT_MAX])
{
    (void)option;
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < config->bind_count; i++) {
        at += (size_t)snprintf(out + at, CONFIG_TEXT_MAX - at, "%s%s", i > 0 ? " " : "",
                               config->bind[i]);
    }
}

static bool parse_mode(struct config *config, const struct option *option, const char *text,
                       const char **expected_out)
{
    (void)option;
    *expected_out = "octal permissions such as 770";
    char *end;
    errno = 0;
    unsigned long mode = strtoul(text, &end, 8);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '7' || mode == 0 || mode > 0777) {
        return false;
    }
    config->unix_mode = (mode_t)mode;
    return true;
}

static void print_mode(const struct config *config, const struct option *option,
                       char out[CONFIG_TEXT_MAX])
{
    (void)option;
    (void)snprintf(out, CONFIG_TEXT_MAX, "%o", config->unix_mode);
}

// ---- the table ----

static const char *const io_words[] = {"auto", "uring", "epoll", NULL};
static const char *const level_words[] = {"debug", "verbose", "notice", "warning", NULL};

#define FIELD(name)                                                                                \
    .offset = offsetof(struct config, name), .size = sizeof(((struct config *)0)->name)
#define NUMBER(field, low, high)                                                                   \
    .parse = parse_number, .print = print_number, FIELD(field), .min = (low), .max = (high)
#define WORD(field, list) .parse = parse_word, .print = print_word, FIELD(field), .words = (list)
#define TEXT_PATH(field)  .parse = parse_path, .print = print_path, FIELD(field)

static const struct option options[] = {
    {"port", "N", "TCP port, 0 for a free one (1234)", NUMBER(port, 0, 65535)},
    {"bind", "ADDRESSES", "addresses to listen on (127.0.0.1 and, if there is one, ::1)",
     .parse = parse_bind, .print = print_bind},
    {"unixsocket", "PATH", "listen on a unix socket too", TEXT_PATH(unix_path)},
    {"unixsocketperm", "MODE", "its permissions, octal (by umask)", .parse = parse_mode,
     .print = print_mode},
    {"workers", "N", "threads that execute commands (one per core)", NUMBER(workers, 1, 1024)},
    {"databases", "N", "number of databases (16)", NUMBER(databases, 1, 65536)},
    {"maxclients", "N", "connections at a time (10000)", NUMBER(clients_max, 1, 1000000)},
    {"timeout", "SECONDS", "close idle connections after it, 0 for never (0)",
     NUMBER(timeout_s, 0, 1000000000)},
    {"tcp-keepalive", "SECONDS", "probe silent connections after it, 0 for never (300)",
     NUMBER(tcp_keepalive_s, 0, LISTENER_KEEPALIVE_MAX)},
    {"client-output-limit", "BYTES", "close a connection with more unread replies (1073741824)",
     NUMBER(output_limit_bytes, 65536, INT64_MAX)},
    {"client-query-buffer-limit", "BYTES", "close a connection with a longer request (1073741824)",
     NUMBER(query_limit_bytes, 1048576, INT64_MAX)},
    {"maxmemory-clients", "BYTES", "buffers of all connections (1073741824)",
     NUMBER(client_memory_max, 0, INT64_MAX)},
    {"io", "auto|uring|epoll", "how to wait for sockets (auto: io_uring where it works)",
     WORD(io, io_words)},
    {"loglevel", "debug|verbose|notice|warning", "what to log (notice)",
     WORD(log_level, level_words)},
    {"logfile", "PATH", "log to a file instead of stderr", TEXT_PATH(log_path)},
};

enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

static void set_defaults(struct config *config)
{
    int cores = get_nprocs();
    *config = (struct config){
        .port = 1234,
        .workers = cores < 1 ? 1 : (unsigned)cores,
        .databases = 16,
        .clients_max = 10000,
        .tcp_keepalive_s = 300,
        .output_limit_bytes = UINT64_C(1) << 30,
        .query_limit_bytes = UINT64_C(1) << 30,
        .client_memory_max = UINT64_C(1) << 30,
        .io = LOOP_AUTO,
        .log_level = LOG_LEVEL_NOTICE,
    };
}

static const struct option *find_option(const char *name, size_t size)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strlen(options[i].name) == size && memcmp(options[i].name, name, size) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

__attribute__((format(printf, 2, 3))) static enum config_outcome
wrong(char error_out[CONFIG_ERROR_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error_out, CONFIG_ERROR_MAX, format, arguments);
    va_end(arguments);
    return CONFIG_WRONG;
}

static enum config_outcome wrong_value(const struct option *option, const char *text,
                                       const char *expected, char error_out[CONFIG_ERROR_MAX])
{
    if (option->parse == parse_number) {
        return wrong(error_out, "--%s %.40s: expected a number from %llu to %llu", option->name,
                     text, (unsigned long long)option->min, (unsigned long long)option->max);
    }
    return wrong(error_out, "--%s %.60s: expected %s", option->name, text, expected);
}

enum config_outcome config_parse(struct config *config, int argc, char **argv,
                                 char error_out[CONFIG_ERROR_MAX])
{
    set_defaults(config);
    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i];
        if (strcmp(flag, "--help") == 0 || strcmp(flag, "-h") == 0) {
            return CONFIG_HELP;
        }
        if (strcmp(flag, "--version") == 0 || strcmp(flag, "-v") == 0) {
            return CONFIG_VERSION;
        }
        size_t size = strncmp(flag, "--", 2) == 0 ? strcspn(flag + 2, "=") : 0;
        const struct option *option = find_option(flag + (size > 0 ? 2 : 0), size);
        if (option == NULL) {
            return wrong(error_out, "%.60s: no such option; fastkv --help lists them", flag);
        }
        const char *text = flag[2 + size] == '=' ? flag + 2 + size + 1 : argv[++i];
        if (text == NULL) {
            return wrong(error_out, "--%s needs an argument: --%s %s", option->name, option->name,
                         option->argument);
        }
        const char *expected = "";
        if (!option->parse(config, option, text, &expected)) {
            return wrong_value(option, text, expected, error_out);
        }
    }
    return CONFIG_RUN;
}

void config_print_help(void)
{
    (void)printf("Usage: fastkv [OPTION]...\n"
                 "An in-memory key-value store. Options, with their defaults in brackets:\n\n");
    for (size_t i = 0; i < OPTIONS; i++) {
        char flag[80];
        (void)snprintf(flag, sizeof(flag), "--%s %s", options[i].name, options[i].argument);
        (void)printf("  %-40s %s\n", flag, options[i].help);
    }
    (void)printf("  %-40s %s\n  %-40s %s\n\n", "--help", "show this", "--version",
                 "show the version");
    (void)printf("Talk to it with nc or redis-cli:\n"
                 "  printf 'SET mykey 0 5\\nhello\\nGET mykey\\nQUIT\\n' | nc 127.0.0.1 1234\n");
}

bool config_describe(const struct config *config, size_t index, const char **name_out,
                     char value_out[CONFIG_TEXT_MAX])
{
    if (index >= OPTIONS) {
        return false;
    }
    *name_out = options[index].name;
    options[index].print(config, &options[index], value_out);
    return true;
}
