#include "session/client.h"

#include "base/container.h"

#include <errno.h>
#include <stdio.h>

enum {
    INPUT_CAPACITY_MIN = 1024,
    // To be received directly, so many bytes must have arrived,
    DIRECT_FROM = 4 * 1024,
    // and so many be missing, or, where more has arrived, any: what follows is then not copied.
    DIRECT_LEFT_MIN = 32 * 1024,
    DIRECT_BEHIND = 64 * 1024,
    // Room for more than has arrived takes no memory until it is written to.
    DIRECT_AHEAD_MAX = 1024 * 1024,
    DIRECT_AHEAD_TIMES = 7,
};

struct client *client_create(struct client_home *home, int fd, const char *peer, uint64_t id)
{
    struct pool *pool = home->store->pool;
    struct client *client = pool_alloc(pool, MEMORY_CLIENT, sizeof(*client));
    if (client == NULL) {
        return NULL;
    }
    *client = (struct client){
        .home = home,
        .session = {.id = id},
        .waiter = client_waiter_create(&home->mailbox, client),
        .share = {.mail = {.kind = MAIL_CONDEMNED}, .mailbox = &home->mailbox},
        .is_open = true,
        .inline_max = CLIENT_INLINE_MAX,
        .created_ms = home->monotonic_ms,
        .active_ms = home->monotonic_ms,
    };
    (void)snprintf(client->peer, sizeof(client->peer), "%s", peer);
    if (client->waiter == NULL || loop_add(home->loop, &client->stream, fd) < 0) {
        client_waiter_destroy(client->waiter);
        pool_free(pool, MEMORY_CLIENT, client, sizeof(*client));
        return NULL;
    }
    return client;
}

/* The input is about to move or grow. */
static void end_receiving_directly(struct client *client)
{
    if (client->receives_directly) {
        client->receives_directly = false;
        loop_receive_into(client->home->loop, &client->stream, NULL, 0);
    }
}

static void free_input(struct client *client)
{
    end_receiving_directly(client);
    if (client->input != NULL) {
        pool_free(client->home->store->pool, MEMORY_INPUT, client->input, client->input_capacity);
    }
    client->input = NULL;
    client->input_start = client->input_size = client->input_capacity = 0;
}

void client_free_buffers(struct client *client)
{
    client->view = (struct bytes){0};
    free_input(client);
    if (client->outbox.sends != OUTBOX_SENDS_CHAIN || !client->is_open) {
        outbox_clear(&client->outbox, client->home->store);
    }
}

void client_free_text(struct client *client, struct client_owned *text)
{
    if (text->size > 0) {
        pool_free(client->home->store->pool, MEMORY_CLIENT, text->data, text->size);
    }
    client->text_bytes -= text->size;
    *text = (struct client_owned){0};
}

void client_destroy(struct client *client)
{
    ASSERT(!client->is_open && !client_is_suspended(client));
    client_free_buffers(client);
    for (int i = 0; i < CLIENT_TEXTS; i++) {
        client_free_text(client, &client->texts[i]);
    }
    client_waiter_destroy(client->waiter);
    pool_free(client->home->store->pool, MEMORY_CLIENT, client, sizeof(*client));
}

// ---- waiting ----

void client_park(struct client *client)
{
    client->wait = client->waiter->waiter.reason == WAIT_FOR_MEMORY ? CLIENT_WAITS_FOR_MEMORY
                                                                    : CLIENT_WAITS_FOR_LOCK;
}

bool client_withdraw(struct client *client)
{
    bool is_deferred = client->wait == CLIENT_WAITS_FOR_JOB;
    bool is_parked = client_is_suspended(client) && !is_deferred;
    client->wait = CLIENT_WAITS_NOT;
    if (is_deferred) {
        client->job->client = NULL;
        atomic_store_explicit(&client->job->is_cancelled, true, memory_order_relaxed);
        client->job = NULL;
    }
    if (is_parked) {
        client_waiter_leave(client->waiter);
        client->waiter = client->phase == CLIENT_SHUT
                             ? NULL // It never parks again.
                             : client_waiter_create(&client->home->mailbox, client);
        return client->waiter != NULL || client->phase == CLIENT_SHUT;
    }
    return true;
}

// ---- input ----

static bool grow_input(struct client *client, size_t capacity)
{
    end_receiving_directly(client);
    char *input = pool_resize(client->home->store->pool, MEMORY_INPUT, client->input,
                              client->input_capacity, capacity);
    if (input == NULL) {
        return false;
    }
    client->input = input;
    client->input_capacity = capacity;
    return true;
}

// Make room for `size` bytes at the end of our own input.
static bool reserve_input(struct client *client, size_t size)
{
    if (client->input_capacity - client->input_size >= size) {
        return true;
    }
    if (client->input_start > 0) {
        client->input_size -= client->input_start;
        memmove(client->input, client->input + client->input_start, client->input_size);
        client->input_start = 0;
    }
    size_t needed = client->input_size + size;
    if (client->input_capacity >= needed) {
        return true;
    }
    // By half again of what has arrived, but not beyond what the request needs.
    size_t capacity = needed + needed / 2;
    if (capacity > client->parser.needed && client->parser.needed >= needed) {
        capacity = client->parser.needed;
    }
    return grow_input(client, capacity < INPUT_CAPACITY_MIN ? INPUT_CAPACITY_MIN : capacity);
}

static bool append_input(struct client *client, struct bytes data)
{
    end_receiving_directly(client);
    if (!reserve_input(client, data.size)) {
        return false;
    }
    memcpy(client->input + client->input_size, data.data, data.size);
    client->input_size += data.size;
    return true;
}

int client_receive(struct client *client, struct bytes data, uint64_t bytes_max)
{
    size_t pending = client_pending(client).size;
    if (UNLIKELY(pending + data.size > bytes_max)) {
        return -ENOBUFS;
    }
    if (pending == 0 && !client_is_suspended(client)) {
        client->view = data;
        return 0;
    }
    if (client->receives_directly && data.data == client->input + client->input_size) {
        client->input_size += data.size;
        return 0;
    }
    return client_keep(client) && append_input(client, data) ? 0 : -ENOMEM;
}

void client_receive_directly(struct client *client)
{
    size_t pending = client->input_size - client->input_start;
    size_t needed = client->parser.needed;
    size_t left = needed > pending ? needed - pending : 0;
    bool pays = left >= DIRECT_LEFT_MIN || (left > 0 && pending >= DIRECT_BEHIND);
    if (LIKELY(pending < DIRECT_FROM || !pays)) {
        end_receiving_directly(client);
        return;
    }
    size_t room = client->input_capacity - client->input_size;
    if (room < left && room < DIRECT_LEFT_MIN) {
        size_t ahead = pending * DIRECT_AHEAD_TIMES;
        size_t ahead_max = pending < DIRECT_AHEAD_MAX ? DIRECT_AHEAD_MAX : pending;
        ahead = ahead < ahead_max ? ahead : ahead_max;
        ahead = ahead < left ? ahead : left;
        if (!grow_input(client, client->input_size + ahead)) {
            return; // As ever, then: what comes may be less.
        }
        room = ahead;
    }
    room = room < left ? room : left;
    client->receives_directly = true;
    loop_receive_into(client->home->loop, &client->stream, client->input + client->input_size,
                      room);
}

bool client_keep(struct client *client)
{
    if (client->view.size == 0) {
        return true;
    }
    struct bytes view = client->view;
    client->view = (struct bytes){0};
    return append_input(client, view);
}

void client_consume(struct client *client, size_t size)
{
    if (client->view.size > 0) {
        client->view = bytes_make(client->view.data + size, client->view.size - size);
        return;
    }
    client->input_start += size;
    DEBUG_ASSERT(client->input_start <= client->input_size);
    if (client->input_start == client->input_size && client->input != NULL) {
        free_input(client);
    }
}

// A copy of bytes as a block of input; NULL when out of memory.
static char *copy_input(struct client *client, struct bytes bytes)
{
    char *copy = pool_alloc(client->home->store->pool, MEMORY_INPUT, bytes.size);
    if (copy != NULL) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return copy;
}

// The client's own block goes; what follows the request is copied to a new one.
static bool detach_block(struct client *client, size_t size, struct detached_input *detached_out)
{
    size_t end = client->input_start + size;
    struct bytes rest = bytes_make(client->input + end, client->input_size - end);
    char *fresh = NULL;
    if (rest.size > 0) {
        fresh = copy_input(client, rest);
        if (fresh == NULL) {
            return false;
        }
    }
    *detached_out = (struct detached_input){
        .block = client->input, .capacity = client->input_capacity, .start = client->input_start};
    client->input = fresh;
    client->input_start = 0;
    client->input_size = client->input_capacity = rest.size;
    return true;
}

bool client_detach(struct client *client, size_t size, struct detached_input *detached_out)
{
    if (client->view.size == 0) {
        return detach_block(client, size, detached_out);
    }
    char *copy = copy_input(client, bytes_make(client->view.data, size));
    if (copy == NULL) {
        return false;
    }
    *detached_out = (struct detached_input){.block = copy, .capacity = size};
    client_consume(client, size);
    return true;
}

void detached_free(struct detached_input *detached, struct pool *pool)
{
    pool_free(pool, MEMORY_INPUT, detached->block, detached->capacity);
    *detached = (struct detached_input){0};
}

// ---- what it is around ----

struct client *client_of_session(struct session *session)
{
    return CONTAINER_OF(session, struct client, session);
}

struct client *client_of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct client, stream);
}

struct client *client_of_condemned(struct mail *mail)
{
    return CONTAINER_OF(mail, struct client, share.mail);
}
