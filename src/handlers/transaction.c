/* MULTI, EXEC, DISCARD: there are no transactions. What a client means to be one is refused as a
 * whole, so that nothing of it is done piece by piece. */
#include "handlers/handlers.h"

void handle_multi(struct call *call)
{
    if (call->session->refuses) {
        reply_error(call->reply, "ERR MULTI calls can not be nested");
        return;
    }
    call->session->refuses = true;
    reply_error(call->reply,
                "ERR transactions are not supported; commands up to EXEC or DISCARD are refused");
}

void handle_exec(struct call *call)
{
    if (!call->session->refuses) {
        reply_error(call->reply, "ERR EXEC without MULTI");
        return;
    }
    call->session->refuses = false;
    reply_error(call->reply, "EXECABORT Transaction discarded because of previous errors.");
}

void handle_discard(struct call *call)
{
    if (!call->session->refuses) {
        reply_error(call->reply, "ERR DISCARD without MULTI");
        return;
    }
    call->session->refuses = false;
    reply_ok(call->reply);
}
