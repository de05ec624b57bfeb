/* CLIENT. */
#include "session/client.h"
#include "admin/admin.h"

#include <stdio.h>

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
    uint64_t now_ms = client->home->monotonic_ms;
    int size =
        snprintf(line, sizeof(line), "id=%llu addr=%s name=%s age=%llu idle=%llu db=%u\n",
                 (unsigned long long)client->session.id, client->peer, client->name,
                 (unsigned long long)((now_ms - client->created_ms) / 1000),
                 (unsigned long long)((now_ms - client->active_ms) / 1000), client->session.db);
    reply_value(call->reply, bytes_make(line, (size_t)size));
}

void handle_client(struct call *call)
{
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
