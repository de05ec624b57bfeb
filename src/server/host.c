/* host.c - CONFIG GET, CLIENT and SHUTDOWN: what only the server can answer. */
#include "base/glob.h"
#include "server/info.h"
#include "server/server.h"

#include <stdio.h>

static struct server *server_of(struct call_host *host)
{
    return (struct server *)(void *)((char *)host - offsetof(struct server, host));
}

static void host_info(struct call_host *host, struct call *call)
{
    info_reply(server_of(host), call);
}

// ---- CONFIG GET pattern ... ----

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

static void host_config_get(struct call_host *host, struct call *call)
{
    const struct server *server = server_of(host);
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

// ---- SHUTDOWN ----

enum {
    SHUTDOWN_NOSAVE = 1 << 0,
    SHUTDOWN_SAVE = 1 << 1,
    SHUTDOWN_ABORT = 1 << 4,
    SHUTDOWN_WRONG = 1 << 5, // Options that Redis does not take, or not together.
};

static unsigned shutdown_options(const struct call *call)
{
    static const char *const names[] = {"NOSAVE", "SAVE", "NOW", "FORCE", "ABORT"};
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    _Static_assert(1 << NAMES == SHUTDOWN_WRONG, "an unknown word is wrong");
    unsigned options = 0;
    for (uint32_t i = 1; i < call->argc; i++) {
        unsigned which = 0;
        while (which < NAMES && !bytes_is_word(call->argv[i], names[which])) {
            which++;
        }
        options |= 1U << which;
    }
    bool saves_and_not = (options & SHUTDOWN_NOSAVE) != 0 && (options & SHUTDOWN_SAVE) != 0;
    bool aborts_and_not = (options & SHUTDOWN_ABORT) != 0 && options != SHUTDOWN_ABORT;
    return saves_and_not || aborts_and_not ? SHUTDOWN_WRONG : options;
}

static void host_shutdown(struct call_host *host, struct call *call)
{
    struct server *server = server_of(host);
    unsigned options = shutdown_options(call);
    if ((options & SHUTDOWN_WRONG) != 0) {
        reply_error(call->reply, "ERR syntax error");
        return;
    }
    if ((options & SHUTDOWN_ABORT) != 0) {
        reply_error(call->reply, "ERR No shutdown in progress.");
        return;
    }
    // The others change nothing: there is nothing to save and nobody to wait for.
    log_write(&server->log, LOG_LEVEL_NOTICE, "SHUTDOWN: stopping");
    // As in Redis, the connection closes without an answer.
    call->session->closes = true;
    server_stop(server);
}

// ---- CLIENT ----

static void client_set_name(struct client *client, struct call *call)
{
    struct bytes name = call->argv[2];
    if (name.size >= CLIENT_NAME_MAX) {
        reply_error(call->reply, "ERR client names have at most %d bytes", CLIENT_NAME_MAX - 1);
        return;
    }
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < '!' || name.data[i] > '~') {
            reply_error(call->reply, "ERR Client names cannot contain spaces, newlines or special "
                                     "characters.");
            return;
        }
    }
    memcpy(client->name, name.data, name.size);
    client->name[name.size] = '\0';
    reply_ok(call->reply);
}

static void client_info(const struct client *client, struct call *call)
{
    char line[512];
    uint64_t now_ms = call->access.now_ms;
    int size =
        snprintf(line, sizeof(line), "id=%llu addr=%s name=%s age=%llu idle=%llu db=%u\n",
                 (unsigned long long)client->session.id, client->peer, client->name,
                 (unsigned long long)((now_ms - client->created_ms) / 1000),
                 (unsigned long long)((now_ms - client->active_ms) / 1000), client->session.db);
    reply_value(call->reply, bytes_make(line, (size_t)size));
}

static void host_client(struct call_host *host, struct call *call)
{
    (void)host;
    struct client *client = client_of_session(call->session);
    struct bytes verb = call->argv[1];
    if (bytes_is_word(verb, "ID") && call->argc == 2) {
        reply_integer(call->reply, (int64_t)client->session.id);
    } else if (bytes_is_word(verb, "GETNAME") && call->argc == 2) {
        if (client->name[0] == '\0') {
            reply_nil(call->reply);
        } else {
            reply_value(call->reply, bytes_of_string(client->name));
        }
    } else if (bytes_is_word(verb, "SETNAME") && call->argc == 3) {
        client_set_name(client, call);
    } else if (bytes_is_word(verb, "SETINFO") && call->argc == 4) {
        reply_ok(call->reply); // A library's name and version; nothing here needs them.
    } else if (bytes_is_word(verb, "INFO") && call->argc == 2) {
        client_info(client, call);
    } else {
        reply_error(call->reply,
                    "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try CLIENT "
                    "ID, GETNAME, SETNAME, SETINFO or INFO.",
                    (int)(verb.size < 64 ? verb.size : 64), verb.data);
    }
}

const struct call_host_ops server_host_ops = {
    .info = host_info,
    .config_get = host_config_get,
    .shutdown = host_shutdown,
    .client = host_client,
};
