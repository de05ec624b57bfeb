/* Conditions on the string at a key, and what is done under them: DELEX, DELIFEQ, DIGEST. */
#include "base/digest.h"
#include "command/effect.h"
#include "handlers/handlers.h"
#include "handlers/string_internal.h"

bool string_test_make(struct call *call, enum string_condition condition, struct bytes operand,
                      struct string_test *test_out)
{
    *test_out = (struct string_test){.condition = condition, .operand = operand};
    bool is_digest = condition == CONDITION_DIGEST_EQUAL || condition == CONDITION_DIGEST_NOT_EQUAL;
    if (is_digest && !digest_parse(operand, &test_out->digest)) {
        reply_error(call->reply, "ERR must be exactly %d hexadecimal characters", DIGEST_TEXT_SIZE);
        return false;
    }
    return true;
}

bool string_test_is_long(const struct string_test *test, struct bytes string)
{
    if (string.size <= STRING_INLINE_MAX || test->condition == CONDITION_NONE) {
        return false;
    }
    bool compares = test->condition == CONDITION_EQUAL || test->condition == CONDITION_NOT_EQUAL;
    return !compares || test->operand.size == string.size;
}

bool string_test_passes(const struct string_test *test, const struct entry *entry)
{
    if (test->condition == CONDITION_NONE) {
        return true; // Whatever the key has.
    }
    struct entry_scratch scratch;
    struct bytes string = string_at(entry, &scratch);
    switch (test->condition) {
    case CONDITION_EQUAL:
        return entry != NULL && bytes_equal(string, test->operand);
    case CONDITION_NOT_EQUAL:
        return entry == NULL || !bytes_equal(string, test->operand);
    case CONDITION_DIGEST_EQUAL:
        return entry != NULL && digest_of(string) == test->digest;
    case CONDITION_DIGEST_NOT_EQUAL:
        return entry == NULL || digest_of(string) != test->digest;
    case CONDITION_NONE:
        break;
    }
    return true;
}

// Delete the key, which is a string, if it passes, and answer whether.
static void delete_if(struct call *call, const struct string_test *test, const struct entry *entry)
{
    struct entry_scratch scratch;
    if (string_test_is_long(test, entry_string(entry, &scratch)) && call_moves(call)) {
        return;
    }
    if (!string_test_passes(test, entry)) {
        reply_integer(call->reply, 0);
        return;
    }
    (void)keyspace_remove(&call->access, call->keys);
    effect_delete(call, call->keys);
    reply_integer(call->reply, 1);
}

void handle_delifeq(struct call *call)
{
    struct entry *entry;
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    if (entry == NULL) {
        reply_integer(call->reply, 0);
        return;
    }
    const struct string_test test = {.condition = CONDITION_EQUAL, .operand = call->argv[2]};
    delete_if(call, &test, entry);
}

static enum string_condition condition_of(struct bytes word)
{
    static const struct {
        const char *word;
        enum string_condition condition;
    } table[] = {
        {"IFEQ", CONDITION_EQUAL},
        {"IFNE", CONDITION_NOT_EQUAL},
        {"IFDEQ", CONDITION_DIGEST_EQUAL},
        {"IFDNE", CONDITION_DIGEST_NOT_EQUAL},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (bytes_is_word(word, table[i].word)) {
            return table[i].condition;
        }
    }
    return CONDITION_NONE;
}

void handle_delex(struct call *call)
{
    if (call->argc == 3) {
        reply_wrong_arity(call->reply, call->command);
        return;
    }
    const struct entry *entry = keyspace_find(&call->access, call->keys);
    if (entry == NULL) {
        reply_integer(call->reply, 0);
        return;
    }
    if (call->argc == 2) {
        (void)keyspace_remove(&call->access, call->keys);
        effect_delete(call, call->keys);
        reply_integer(call->reply, 1);
        return;
    }
    if (entry_type(entry) != VALUE_STRING) {
        reply_error(call->reply, "ERR Key should be of string type if conditions are specified");
        return;
    }
    enum string_condition condition = condition_of(call->argv[2]);
    struct string_test test;
    if (condition == CONDITION_NONE) {
        reply_error(call->reply, "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
    } else if (string_test_make(call, condition, call->argv[3], &test)) {
        delete_if(call, &test, entry);
    }
}

void handle_digest(struct call *call)
{
    struct entry *entry;
    if (!call_find(call, VALUE_STRING, &entry)) {
        return;
    }
    if (entry == NULL) {
        reply_nil(call->reply);
        return;
    }
    struct entry_scratch scratch;
    struct bytes string = entry_string(entry, &scratch);
    if (string.size > STRING_INLINE_MAX && call_moves(call)) {
        return;
    }
    char text[DIGEST_TEXT_SIZE];
    digest_format(digest_of(string), text);
    reply_value(call->reply, bytes_make(text, sizeof(text)));
}
