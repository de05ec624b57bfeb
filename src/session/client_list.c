#include "session/client_list.h"

#include <errno.h>

int client_set_text(struct client *client, enum client_text which, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '!' || text.data[i] > '~') {
            return -EINVAL;
        }
    }
    if (text.size > CLIENT_TEXT_MAX) {
        return -E2BIG;
    }
    char *copy = NULL;
    if (text.size > 0) {
        copy = pool_alloc(client->home->store->pool, MEMORY_CLIENT, text.size);
        if (copy == NULL) {
            return -ENOMEM;
        }
        memcpy(copy, text.data, text.size);
    }
    client_free_text(client, &client->texts[which]);
    client->texts[which] = (struct client_owned){copy, text.size};
    client->text_bytes += text.size;
    return 0;
}

static unsigned chain_length(const struct chain *chain)
{
    unsigned count = 0;
    for (const struct piece *piece = chain->first; piece != NULL; piece = piece->next) {
        count++;
    }
    return count;
}

static const char *flags_of(const struct client *client)
{
    if (client->phase != CLIENT_OPEN) {
        return "c"; // Closes when its replies are sent.
    }
    return client_is_suspended(client) ? "b" : "N";
}

static void print_text(const struct client *client, const char *name, enum client_text which,
                       FILE *out)
{
    const struct client_owned *text = &client->texts[which];
    (void)fprintf(out, " %s=%.*s", name, (int)text->size, text->size == 0 ? "" : text->data);
}

static void print_buffers(const struct client *client, FILE *out)
{
    size_t pending = client_pending(client).size;
    size_t free = client->input_capacity > client->input_size
                      ? client->input_capacity - client->input_size
                      : 0;
    // Arguments are a part of the input, and replies of one turn stand in the worker's arena:
    // neither takes memory of the client's own.
    (void)fprintf(out,
                  " qbuf=%zu qbuf-free=%zu argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=%zu oll=%u "
                  "omem=%zu tot-mem=%zu",
                  pending, free, client->outbox.run.size, chain_length(&client->outbox.chain),
                  client->outbox.chain.memory,
                  sizeof(*client) + sizeof(*client->waiter) + client_memory(client));
}

void client_print(const struct client *client, FILE *out)
{
    uint64_t now_ms = client->home->monotonic_ms;
    char local[LISTENER_ADDRESS_MAX];
    listener_local_address(client->stream.fd, client->peer, local);
    (void)fprintf(out, "id=%llu addr=%s laddr=%s fd=%d", (unsigned long long)client->session.id,
                  client->peer, local, client->stream.fd);
    print_text(client, "name", CLIENT_NAME, out);
    (void)fprintf(out, " age=%llu idle=%llu flags=%s db=%u sub=0 psub=0 ssub=0 multi=-1 watch=0",
                  (unsigned long long)((now_ms - client->created_ms) / 1000),
                  (unsigned long long)((now_ms - client->active_ms) / 1000), flags_of(client),
                  client->session.db);
    print_buffers(client, out);
    (void)fprintf(out, " events=%s%s cmd=%s user=default redir=-1 resp=%u",
                  client->is_paused ? "" : "r",
                  client->outbox.sends == OUTBOX_SENDS_CHAIN ? "w" : "",
                  client->last_command == NULL ? "NULL" : client->last_command->name,
                  protocol_version(client->session.protocol));
    print_text(client, "lib-name", CLIENT_LIB_NAME, out);
    print_text(client, "lib-ver", CLIENT_LIB_VERSION, out);
    (void)fputc('\n', out);
}
