/* CLIENT. */
#include "session/client.h"
#include "admin/admin.h"

#include <stdio.h>

void handle_client_setname(struct call *call)
{
    struct client *client = client_of_session(call->session);
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

void handle_client_info(struct call *call)
{
    const struct client *client = client_of_session(call->session);
    char line[512];
    uint64_t now_ms = client->home->monotonic_ms;
    int size =
        snprintf(line, sizeof(line), "id=%llu addr=%s name=%s age=%llu idle=%llu db=%u\n",
                 (unsigned long long)client->session.id, client->peer, client->name,
                 (unsigned long long)((now_ms - client->created_ms) / 1000),
                 (unsigned long long)((now_ms - client->active_ms) / 1000), client->session.db);
    reply_value(call->reply, bytes_make(line, (size_t)size));
}

void handle_client_id(struct call *call)
{
    reply_integer(call->reply, (int64_t)call->session->id);
}

void handle_client_getname(struct call *call)
{
    const struct client *client = client_of_session(call->session);
    if (client->name[0] == '\0') {
        reply_nil(call->reply);
    } else {
        reply_value(call->reply, bytes_of_string(client->name));
    }
}

void handle_client_setinfo(struct call *call)
{
    reply_ok(call->reply); // A library's name and version; nothing here needs them.
}
