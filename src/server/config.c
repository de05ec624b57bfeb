#include "server/config.h"

#include "net/listener.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

// ---- fields of the server's own ----

static bool parse_bind(void *field, const char *text, char error_out[OPTION_ERROR_MAX])
{
    struct config_binds *binds = field;
    binds->count = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, ", ");
        if (size > 0) {
            if (binds->count == CONFIG_BINDS_MAX || size >= sizeof(binds->addresses[0])) {
                break;
            }
            memcpy(binds->addresses[binds->count], text, size);
            binds->addresses[binds->count][size] = '\0';
            binds->count++;
        }
        text += size;
        text += strspn(text, ", ");
    }
    if (binds->count > 0 && *text == '\0') {
        return true;
    }
    (void)snprintf(error_out, OPTION_ERROR_MAX,
                   "argument must be up to %d addresses, separated by commas or blanks",
                   CONFIG_BINDS_MAX);
    return false;
}

static void print_bind(const void *field, char out[OPTION_TEXT_MAX])
{
    const struct config_binds *binds = field;
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < binds->count; i++) {
        at += (size_t)snprintf(out + at, OPTION_TEXT_MAX - at, "%s%s", i > 0 ? " " : "",
                               binds->addresses[i]);
    }
}

static bool parse_mode(void *field, const char *text, char error_out[OPTION_ERROR_MAX])
{
    char *end;
    errno = 0;
    unsigned long mode = strtoul(text, &end, 8);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '7' || mode == 0 || mode > 0777) {
        (void)snprintf(error_out, OPTION_ERROR_MAX,
                       "argument must be octal permissions such as 770");
        return false;
    }
    *(mode_t *)field = (mode_t)mode;
    return true;
}

static void print_mode(const void *field, char out[OPTION_TEXT_MAX])
{
    (void)snprintf(out, OPTION_TEXT_MAX, "%o", *(const mode_t *)field);
}

// ---- rows ----

static const char *const io_words[] = {"auto", "uring", "epoll", NULL};

static const struct option server_rows[] = {
    {"port", "N", "1234", "TCP port; 0: a free one", OPTION_NUMBER, .max = 65535,
     OPTION_FIELD(struct config, port)},
    {"bind", "ADDRESSES", "127.0.0.1 -::1",
     "addresses to listen on; one with a - before it need not exist", OPTION_OTHER,
     .parse = parse_bind, .print = print_bind, OPTION_FIELD(struct config, bind)},
    {"unixsocket", "PATH", "none", "listen on a unix socket, too", OPTION_PATH,
     OPTION_FIELD(struct config, unix_path)},
    {"unixsocketperm", "MODE", "by umask", "its permissions, octal", OPTION_OTHER,
     .parse = parse_mode, .print = print_mode, OPTION_FIELD(struct config, unix_mode)},
    {"tcp-keepalive", "SECONDS", "300", "probe silent connections after it; 0: never",
     OPTION_NUMBER, .is_live = true, .max = LISTENER_KEEPALIVE_MAX,
     OPTION_FIELD(struct config, tcp_keepalive_s)},
    {"maxclients", "N", "10000", "connections at a time", OPTION_NUMBER, .is_live = true, .min = 1,
     .max = 1000000, OPTION_FIELD(struct config, clients_max)},
    {"workers", "N", "one per core", "threads that execute commands", OPTION_NUMBER, .min = 1,
     .max = 1024, OPTION_FIELD(struct config, workers)},
    {"databases", "N", "16", "number of databases", OPTION_NUMBER, .min = 1, .max = 65536,
     OPTION_FIELD(struct config, databases)},
    {"io", "auto|uring|epoll", "auto", "how to wait for sockets; auto: io_uring where it works",
     OPTION_WORD, .words = io_words, OPTION_FIELD(struct config, io)},
};

static const struct option_group server_options = {server_rows,
                                                   sizeof(server_rows) / sizeof(server_rows[0])};

// In the order of --help.
static const struct module {
    const struct option_group *options;
    size_t offset;
} modules[] = {
    {&server_options, 0},
    {&worker_options, offsetof(struct config, limits)},
    {&log_options, offsetof(struct config, log)},
};

enum { MODULES = sizeof(modules) / sizeof(modules[0]) };

static const struct config_constant constants[] = {
    {"save", ""},
    {"appendonly", "no"},
    {"maxmemory", "0"},
    {"maxmemory-policy", "noeviction"},
};

bool config_constant_at(size_t index, struct config_constant *constant_out)
{
    if (index >= sizeof(constants) / sizeof(constants[0])) {
        return false;
    }
    *constant_out = constants[index];
    return true;
}

bool config_option_at(size_t index, struct config_option *option_out)
{
    for (size_t i = 0; i < MODULES; i++) {
        if (index < modules[i].options->count) {
            *option_out =
                (struct config_option){&modules[i].options->rows[index], modules[i].offset};
            return true;
        }
        index -= modules[i].options->count;
    }
    return false;
}

bool config_option_find(struct bytes name, struct config_option *option_out)
{
    for (size_t i = 0; i < MODULES; i++) {
        const struct option *row = option_find(modules[i].options, name);
        if (row != NULL) {
            *option_out = (struct config_option){row, modules[i].offset};
            return true;
        }
    }
    return false;
}

// ---- the command line ----

// Defaults are read like what is given; those that are no value are the zeroed field.
static void set_defaults(struct config *config)
{
    int cores = get_nprocs();
    *config = (struct config){.workers = cores < 1 ? 1 : (uint64_t)cores};
    struct config_option option;
    char error[OPTION_ERROR_MAX];
    for (size_t i = 0; config_option_at(i, &option); i++) {
        bool has_value = option.row->kind != OPTION_PATH && option.row->parse != parse_mode &&
                         strcmp(option.row->name, "workers") != 0;
        if (has_value) {
            bool is_read = option_parse(option.row, config_settings(config, option),
                                        option.row->standard, error);
            ASSERT(is_read);
        }
    }
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
        struct config_option option;
        if (size == 0 || !config_option_find(bytes_make(flag + 2, size), &option)) {
            return wrong(error_out, "%.60s: no such option; fastkv --help lists them", flag);
        }
        const char *name = option.row->name;
        const char *text = flag[2 + size] == '=' ? flag + 2 + size + 1 : argv[++i];
        if (text == NULL) {
            return wrong(error_out, "--%s needs an argument: --%s %s", name, name,
                         option.row->argument);
        }
        char error[OPTION_ERROR_MAX];
        if (!option_parse(option.row, config_settings(config, option), text, error)) {
            return wrong(error_out, "--%s %.60s: %s", name, text, error);
        }
    }
    return CONFIG_RUN;
}

void config_print_help(void)
{
    (void)printf("Usage: fastkv [OPTION]...\n"
                 "An in-memory key-value store. Options, with their defaults in brackets:\n\n");
    struct config_option option;
    for (size_t i = 0; config_option_at(i, &option); i++) {
        char flag[80];
        (void)snprintf(flag, sizeof(flag), "--%s %s", option.row->name, option.row->argument);
        (void)printf("  %-45s %s (%s)\n", flag, option.row->help, option.row->standard);
    }
    (void)printf("  %-45s %s\n  %-45s %s\n\n", "--help", "show this", "--version",
                 "show the version");
    (void)printf("Sizes take units: 1k is 1000 bytes, 1kb is 1024, and so on with m, g and t.\n\n"
                 "Talk to it with nc or redis-cli:\n"
                 "  printf 'SET mykey 0 5\\nhello\\nGET mykey\\nQUIT\\n' | nc 127.0.0.1 1234\n");
}
