/* SHUTDOWN. */
#include "admin/admin.h"
#include "server/server.h"

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

void handle_shutdown(struct call *call)
{
    struct server *server = call->context->server;
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
