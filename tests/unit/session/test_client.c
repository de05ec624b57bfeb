/* A client's input, its phases and waits, and what it says of itself. */
#include "session/client_list.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct rig {
    struct keyspace *keyspace;
    struct client_home home;
    struct client *client;
    int peer;
};

static void no_wake(void *context, unsigned tender)
{
    (void)context;
    (void)tender;
}

static struct rig *set_up(void)
{
    const struct keyspace_options options = {.shard_bits = 3,
                                             .databases = 1,
                                             .threads = 1,
                                             .tenders = 1,
                                             .secret = {.sip = {5, 6}},
                                             .wake = no_wake};
    struct rig *rig = calloc(1, sizeof(*rig));
    ck_assert_ptr_nonnull(rig);
    rig->keyspace = keyspace_create(&options);
    rig->home.store = keyspace_thread_create(rig->keyspace);
    rig->home.monotonic_ms = 5000;
    ck_assert_int_eq(loop_open(LOOP_EPOLL, &rig->home.loop, NULL), 0);
    ck_assert_int_eq(mailbox_open(&rig->home.mailbox), 0);
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    rig->peer = fds[1];
    rig->client = client_create(&rig->home, fds[0], "test:0", 42);
    ck_assert_ptr_nonnull(rig->client);
    return rig;
}

static void tear_down(struct rig *rig)
{
    loop_shut(rig->home.loop, &rig->client->stream);
    rig->client->is_open = false; // As LOOP_CLOSED will tell.
    client_destroy(rig->client);
    uint64_t bytes[MEMORY_TAGS];
    depot_usage(keyspace_depot(rig->keyspace), bytes);
    ck_assert_uint_eq(bytes[MEMORY_CLIENT], 0);
    ck_assert_uint_eq(bytes[MEMORY_INPUT], 0);
    ck_assert_uint_eq(bytes[MEMORY_OUTPUT], 0);
    loop_close(rig->home.loop);
    mailbox_close(&rig->home.mailbox);
    keyspace_thread_destroy(rig->keyspace, rig->home.store);
    keyspace_destroy(rig->keyspace);
    (void)close(rig->peer);
    free(rig);
}

static void check_pending(const struct client *client, const char *text)
{
    struct bytes pending = client_pending(client);
    ck_assert_uint_eq(pending.size, strlen(text));
    ck_assert_mem_eq(pending.data, text, pending.size);
}

// ---- input ----

TEST(input_that_is_used_up_in_its_turn_is_not_copied)
{
    struct rig *rig = set_up();
    static const char text[] = "PING\r\nPING\r\n";
    ck_assert_int_eq(client_receive(rig->client, bytes_of_string(text), 100), 0);
    ck_assert_ptr_eq(client_pending(rig->client).data, text);
    client_consume(rig->client, 6);
    check_pending(rig->client, "PING\r\n");
    client_consume(rig->client, 6);
    ck_assert_uint_eq(client_pending(rig->client).size, 0);
    ck_assert_uint_eq(client_memory(rig->client), 0);
    tear_down(rig);
}

TEST(input_that_stays_is_kept_and_goes_on)
{
    struct rig *rig = set_up();
    char lent[] = "GET a\r\nGET";
    ck_assert_int_eq(client_receive(rig->client, bytes_of_string(lent), 100), 0);
    client_consume(rig->client, 7);
    ck_assert(client_keep(rig->client));
    memset(lent, 'x', sizeof(lent)); // The loop takes it back.
    check_pending(rig->client, "GET");
    ck_assert_int_eq(client_receive(rig->client, bytes_of_string(" b\r\n"), 100), 0);
    check_pending(rig->client, "GET b\r\n");
    ck_assert_uint_gt(client_memory(rig->client), 0);
    client_consume(rig->client, 7);
    ck_assert_uint_eq(client_memory(rig->client), 0); // Nothing is owned without need.
    tear_down(rig);
}

TEST(input_in_parts_is_the_same_as_in_one)
{
    enum { SIZE = 100 * 1000 };
    struct rig *rig = set_up();
    char *all = malloc(SIZE);
    size_t consumed = 0;
    for (size_t i = 0; i < SIZE; i++) {
        all[i] = (char)('a' + i % 23);
    }
    for (size_t at = 0, size = 1; at < SIZE; at += size, size = size * 3 % 1009 + 1) {
        size = size < SIZE - at ? size : SIZE - at;
        ck_assert_int_eq(client_receive(rig->client, bytes_make(all + at, size), SIZE), 0);
        ck_assert(client_keep(rig->client));
        struct bytes pending = client_pending(rig->client);
        ck_assert_uint_eq(pending.size, at + size - consumed);
        ck_assert_mem_eq(pending.data, all + consumed, pending.size);
        client_consume(rig->client, pending.size / 3);
        consumed += pending.size / 3;
    }
    free(all);
    tear_down(rig);
}

TEST(input_beyond_the_limit_is_refused_and_nothing_changes)
{
    struct rig *rig = set_up();
    ck_assert_int_eq(client_receive(rig->client, bytes_of_string("12345"), 8), 0);
    ck_assert_int_eq(client_receive(rig->client, bytes_of_string("6789"), 8), -ENOBUFS);
    check_pending(rig->client, "12345");
    ck_assert_int_eq(client_receive(rig->client, bytes_of_string("678"), 8), 0);
    check_pending(rig->client, "12345678");
    tear_down(rig);
}

// ---- phases and waits ----

TEST(a_client_executes_when_it_is_open_and_waits_for_nothing)
{
    struct rig *rig = set_up();
    struct client *client = rig->client;
    for (int phase = CLIENT_OPEN; phase <= CLIENT_SHUT; phase++) {
        for (int wait = CLIENT_WAITS_NOT; wait <= CLIENT_WAITS_FOR_JOB; wait++) {
            client->phase = (uint8_t)phase;
            client->wait = (uint8_t)wait;
            ck_assert_int_eq(client_may_execute(client),
                             phase == CLIENT_OPEN && wait == CLIENT_WAITS_NOT);
            ck_assert_int_eq(client_is_suspended(client), wait >= CLIENT_WAITS_FOR_LOCK);
        }
    }
    client->phase = CLIENT_OPEN;
    client->wait = CLIENT_WAITS_NOT;
    tear_down(rig);
}

TEST(a_parked_client_that_withdraws_may_park_again)
{
    struct rig *rig = set_up();
    struct client *client = rig->client;
    struct wait_queue queue = {NULL};
    for (int i = 0; i < 3; i++) {
        wait_queue_add(&queue, &client->waiter->waiter, WAIT_FOR_MEMORY);
        client_park(client);
        ck_assert_int_eq(client->wait, CLIENT_WAITS_FOR_MEMORY);
        ck_assert(client_withdraw(client));
        ck_assert(client_may_execute(client));
    }
    wait_queue_add(&queue, &client->waiter->waiter, WAIT_FOR_LOCK);
    client_park(client);
    ck_assert_int_eq(client->wait, CLIENT_WAITS_FOR_LOCK);
    wait_queue_wake(&queue); // Those that were left are freed; one mail comes.
    struct message *message = mailbox_take(&rig->home.mailbox);
    ck_assert_ptr_nonnull(message);
    ck_assert_ptr_null(message->next);
    ck_assert_ptr_eq(client_waiter_woken((struct mail *)(void *)message), client);
    client->wait = CLIENT_WAITS_NOT;
    tear_down(rig);
}

TEST(a_client_that_leaves_its_job_is_forgotten_by_it)
{
    struct rig *rig = set_up();
    struct client_job job = {.client = rig->client};
    rig->client->job = &job;
    rig->client->wait = CLIENT_WAITS_FOR_JOB;
    rig->client->phase = CLIENT_SHUT;
    ck_assert(client_withdraw(rig->client));
    ck_assert_ptr_null(job.client);
    ck_assert(job.is_cancelled);
    tear_down(rig);
}

// ---- what it says of itself ----

TEST(texts_are_kept_replaced_and_freed)
{
    enum { LONG = CLIENT_TEXT_MAX };
    struct rig *rig = set_up();
    struct client *client = rig->client;
    char *text = malloc(LONG + 1);
    memset(text, 'n', LONG + 1);
    ck_assert_int_eq(client_set_text(client, CLIENT_NAME, bytes_make(text, LONG)), 0);
    ck_assert_uint_eq(client_memory(client), LONG);
    ck_assert_int_eq(client_set_text(client, CLIENT_NAME, bytes_make(text, LONG + 1)), -E2BIG);
    ck_assert_int_eq(client_set_text(client, CLIENT_NAME, bytes_of_string("a b")), -EINVAL);
    ck_assert_uint_eq(client->texts[CLIENT_NAME].size, LONG);
    ck_assert_int_eq(client_set_text(client, CLIENT_NAME, bytes_of_string("short")), 0);
    ck_assert_int_eq(client_set_text(client, CLIENT_LIB_NAME, bytes_of_string("lib")), 0);
    ck_assert_uint_eq(client_memory(client), 8);
    ck_assert_int_eq(client_set_text(client, CLIENT_NAME, bytes_of_string("")), 0);
    ck_assert_uint_eq(client_memory(client), 3);
    free(text);
    tear_down(rig);
}

TEST(a_client_is_one_line)
{
    struct rig *rig = set_up();
    char *line = NULL;
    size_t size;
    ck_assert_int_eq(client_set_text(rig->client, CLIENT_NAME, bytes_of_string("me")), 0);
    rig->home.monotonic_ms += 3999;
    FILE *out = open_memstream(&line, &size);
    client_print(rig->client, out);
    (void)fclose(out);
    ck_assert_ptr_nonnull(strstr(line, "id=42 addr=test:0 laddr=test:0 fd="));
    ck_assert_ptr_nonnull(strstr(line, " name=me age=3 idle=3 flags=N db=0 "));
    ck_assert_ptr_nonnull(strstr(line, " lib-name= lib-ver=\n"));
    free(line);
    tear_down(rig);
}

// ---- output ----

TEST(a_chain_knows_its_bytes_and_its_memory)
{
    struct rig *rig = set_up();
    struct chain *chain = &rig->client->outbox.chain;
    struct chain tail = {0};
    char part[1000];
    memset(part, 'o', sizeof(part));
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(chain_append(chain, rig->home.store, bytes_make(part, sizeof(part))), 0);
        ck_assert_int_eq(chain_append(&tail, rig->home.store, bytes_make(part, sizeof(part))), 0);
    }
    ck_assert_uint_eq(chain->bytes, 50 * sizeof(part));
    ck_assert_uint_ge(chain->memory, chain->bytes);
    size_t memory = chain->memory + tail.memory;
    chain_splice(chain, &tail);
    ck_assert_uint_eq(chain->bytes, 100 * sizeof(part));
    ck_assert_uint_eq(chain->memory, memory);
    ck_assert_uint_eq(tail.memory, 0);
    while (chain->bytes > 0) {
        size_t before = chain->memory;
        chain_consume(chain, rig->home.store, chain->bytes < 777 ? chain->bytes : 777);
        ck_assert_uint_le(chain->memory, before);
        ck_assert_uint_ge(chain->memory, chain->bytes);
    }
    ck_assert_uint_eq(chain->memory, 0);
    ck_assert_int_eq(chain_prepend(chain, rig->home.store, bytes_make(part, 10)), 0);
    ck_assert_uint_gt(chain->memory, 10);
    chain_clear(chain, rig->home.store);
    ck_assert_uint_eq(chain->memory, 0);
    tear_down(rig);
}
