#include "command/args.h"

#include "base/number.h"
#include "command/handler.h"

bool args_take_word(struct args *args, const char *word)
{
    if (args_left(args) == 0 || !bytes_is_word(args->call->argv[args->at], word)) {
        return false;
    }
    args->at++;
    return true;
}

bool args_integer(struct args *args, int64_t *value_out)
{
    if (args_left(args) == 0) {
        reply_syntax_error(args->call->reply);
        return false;
    }
    return call_integer(args->call, args->at++, value_out);
}

bool args_double(struct args *args, double *value_out)
{
    if (args_left(args) == 0) {
        reply_syntax_error(args->call->reply);
        return false;
    }
    if (!number_parse_double(args_next(args), value_out)) {
        reply_error(args->call->reply, "ERR value is not a valid float");
        return false;
    }
    return true;
}

// The row of the next argument; NULL: it is no option.
static const struct args_option *find_option(const struct args *args,
                                             const struct args_option *table, size_t count)
{
    struct bytes word = args->call->argv[args->at];
    // The first letter tells nearly all: where options end there is mostly a number.
    unsigned char first = word.size == 0 ? 0 : (unsigned char)((unsigned char)word.data[0] & 0xDFU);
    for (size_t i = 0; i < count; i++) {
        if ((unsigned char)table[i].word[0] == first && bytes_is_word(word, table[i].word)) {
            return &table[i];
        }
    }
    return NULL;
}

// Step over the values of an option. False when one is missing or wrong (answered).
static bool take_values(struct args *args, const struct args_option *option)
{
    int64_t value;
    if (args_left(args) < option->values) {
        reply_syntax_error(args->call->reply);
        return false;
    }
    uint32_t first = args->at;
    args->at += option->values;
    for (uint32_t i = first; option->are_integers && i < args->at; i++) {
        if (!call_integer(args->call, i, &value)) {
            return false;
        }
    }
    return true;
}

bool args_options(struct args *args, const struct args_option *table, size_t count,
                  struct args_found *found_out)
{
    found_out->flags = 0;
    while (args_left(args) > 0) {
        const struct args_option *option = find_option(args, table, count);
        if (option == NULL) {
            return true;
        }
        if ((found_out->flags & option->excludes) != 0) {
            reply_syntax_error(args->call->reply);
            return false;
        }
        args->at++;
        found_out->flags |= option->flag;
        found_out->at[__builtin_ctz(option->flag)] = args->at;
        if (!take_values(args, option)) {
            return false;
        }
    }
    return true;
}

bool args_end(struct args *args)
{
    if (args_left(args) > 0) {
        reply_syntax_error(args->call->reply);
        return false;
    }
    return true;
}
