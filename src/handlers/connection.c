/* Commands on the connection itself. */
#include "handlers/handlers.h"

void handle_ping(struct call *call)
{
    if (call->argc == 1) {
        reply_status(call->reply, "PONG");
    } else {
        reply_value(call->reply, call->argv[1]);
    }
}

void handle_echo(struct call *call)
{
    reply_value(call->reply, call->argv[1]);
}

void handle_quit(struct call *call)
{
    call->session->closes = true;
    reply_ok(call->reply);
}

void handle_select(struct call *call)
{
    int64_t db;
    if (!call_integer(call, 1, &db)) {
        return;
    }
    if (db < INT32_MIN || db > INT32_MAX) {
        reply_error(call->reply, "ERR value is out of range, value must between %d and %d",
                    INT32_MIN, INT32_MAX);
        return;
    }
    if (db < 0 || db >= (int64_t)keyspace_databases(call->access.keyspace)) {
        reply_error(call->reply, "ERR DB index is out of range");
        return;
    }
    call->session->db = (uint32_t)db;
    reply_ok(call->reply);
}
