/* CLIENT. */
#include "admin/admin.h"
#include "session/client_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// Keep what the client says of itself and answer; `what` is its name at the front of an error.
static void set_text(struct call *call, enum client_text which, struct bytes text, const char *what)
{
    switch (client_set_text(client_of_session(call->session), which, text)) {
    case 0:
        reply_ok(call->reply);
        return;
    case -EINVAL:
        reply_error(call->reply, "ERR %s cannot contain spaces, newlines or special characters.",
                    what);
        return;
    case -E2BIG:
        reply_error(call->reply, "ERR %s cannot be longer than %d bytes.", what, CLIENT_TEXT_MAX);
        return;
    default:
        call_out_of_memory(call);
        return;
    }
}

void handle_client_setname(struct call *call)
{
    set_text(call, CLIENT_NAME, call->argv[2], "Client names");
}

void handle_client_setinfo(struct call *call)
{
    struct bytes option = call->argv[2];
    if (bytes_is_lower_word(option, "lib-name")) {
        set_text(call, CLIENT_LIB_NAME, call->argv[3], "lib-name");
    } else if (bytes_is_lower_word(option, "lib-ver")) {
        set_text(call, CLIENT_LIB_VERSION, call->argv[3], "lib-ver");
    } else {
        reply_error(call->reply, "ERR Unrecognized option '%.*s'",
                    (int)(option.size < 128 ? option.size : 128), option.data);
    }
}

void handle_client_info(struct call *call)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        call_out_of_memory(call);
        return;
    }
    client_print(client_of_session(call->session), out);
    if (fclose(out) == 0) {
        reply_verbatim(call->reply, "txt", bytes_make(text, size));
    } else {
        call_out_of_memory(call);
    }
    free(text);
}

void handle_client_id(struct call *call)
{
    reply_integer(call->reply, (int64_t)call->session->id);
}

void handle_client_getname(struct call *call)
{
    const struct client_owned *name = &client_of_session(call->session)->texts[CLIENT_NAME];
    if (name->size == 0) {
        reply_nil(call->reply);
    } else {
        reply_value(call->reply, bytes_make(name->data, name->size));
    }
}
