#include "command_usage.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What is open: the whole usage, or a bracket in it. */
struct frame {
    char closer; // ']', '>', or '\0' at the outermost.
    bool repeats;
    struct usage_list sequence;     // Since the last '|'.
    struct usage_list alternatives; // Before it.
};

struct parser {
    struct usage *usage;
    struct frame frames[USAGE_DEPTH_MAX];
    int depth;
    const char *error;
};

// ---- nodes ----

static struct usage_node *node_at(struct parser *parser, int index)
{
    return &parser->usage->nodes[index];
}

static int new_node(struct parser *parser, enum argument_type type)
{
    if (parser->usage->count + 1 == USAGE_NODES_MAX) {
        parser->error = "too many arguments";
        return parser->usage->count;
    }
    int index = ++parser->usage->count;
    *node_at(parser, index) = (struct usage_node){.type = type};
    return index;
}

static void append(struct parser *parser, struct usage_list *list, int index)
{
    node_at(parser, index)->next = 0;
    if (list->first == 0) {
        list->first = index;
    } else {
        node_at(parser, list->last)->next = index;
    }
    list->last = index;
}

int usage_length(const struct usage *usage, struct usage_list list)
{
    int length = 0;
    for (int i = list.first; i != 0; i = usage->nodes[i].next) {
        length++;
    }
    return length;
}

static void set_text(char *to, const char *text)
{
    memmove(to, text, strlen(text) + 1); // Both are names of nodes, of one size.
}

static void set_lower(char *to, const char *text)
{
    size_t i = 0;
    for (; text[i] != '\0' && i < USAGE_NAME_MAX - 1; i++) {
        to[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
    }
    to[i] = '\0';
}

/* A node over a list: a block, or one of several, named by its members. */
static int wrap(struct parser *parser, enum argument_type type, struct usage_list list)
{
    int index = new_node(parser, type);
    struct usage_node *node = node_at(parser, index);
    size_t size = 0;
    for (int i = list.first; i != 0; i = node_at(parser, i)->next) {
        const char *between = i == list.first ? "" : type == ARGUMENT_ONEOF ? "-or-" : "-";
        int added = snprintf(node->name + size, sizeof(node->name) - size, "%s%s", between,
                             node_at(parser, i)->name);
        size = size + (size_t)added < sizeof(node->name) ? size + (size_t)added
                                                         : sizeof(node->name) - 1;
    }
    node->first = list.first;
    node->last = list.last;
    return index;
}

// The list as one node: itself when it has only one.
static int as_one(struct parser *parser, struct usage_list list)
{
    if (list.first == 0) {
        parser->error = "nothing between two signs";
        return 0;
    }
    return list.first == list.last ? list.first : wrap(parser, ARGUMENT_BLOCK, list);
}

// ---- words ----

static enum argument_type type_of(const char *word)
{
    static const struct {
        const char *word;
        enum argument_type type;
    } types[] = {
        {"key", ARGUMENT_KEY},
        {"newkey", ARGUMENT_KEY},
        {"source", ARGUMENT_KEY},
        {"destination", ARGUMENT_KEY},
        {"pattern", ARGUMENT_PATTERN},
        {"seconds", ARGUMENT_INTEGER},
        {"milliseconds", ARGUMENT_INTEGER},
        {"increment", ARGUMENT_INTEGER},
        {"decrement", ARGUMENT_INTEGER},
        {"count", ARGUMENT_INTEGER},
        {"offset", ARGUMENT_INTEGER},
        {"index", ARGUMENT_INTEGER},
        {"cursor", ARGUMENT_INTEGER},
        {"numkeys", ARGUMENT_INTEGER},
        {"limit", ARGUMENT_INTEGER},
        {"database", ARGUMENT_INTEGER},
        {"score", ARGUMENT_DOUBLE},
        {"weight", ARGUMENT_DOUBLE},
        {"min", ARGUMENT_DOUBLE},
        {"max", ARGUMENT_DOUBLE},
        {"longitude", ARGUMENT_DOUBLE},
        {"latitude", ARGUMENT_DOUBLE},
        {"unix-seconds", ARGUMENT_UNIX_TIME},
        {"unix-milliseconds", ARGUMENT_UNIX_TIME},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(word, types[i].word) == 0) {
            return types[i].type;
        }
    }
    return ARGUMENT_STRING;
}

static bool is_token(const char *word)
{
    bool has_upper = false;
    for (; *word != '\0'; word++) {
        if (islower(*word)) {
            return false;
        }
        has_upper = has_upper || isupper(*word) || ispunct(*word);
    }
    return has_upper;
}

static void add_word(struct parser *parser, struct frame *frame, const char *word)
{
    bool token = is_token(word);
    int index = new_node(parser, token ? ARGUMENT_TOKEN : type_of(word));
    set_lower(node_at(parser, index)->name, word);
    if (token) {
        set_text(node_at(parser, index)->token, word);
    }
    append(parser, &frame->sequence, index);
}

// ---- sequences ----

static bool is_bare_token(const struct usage_node *node)
{
    return node->type == ARGUMENT_TOKEN && !node->is_optional && !node->is_multiple;
}

// A token and what it belongs to, as one node.
static int bind(struct parser *parser, int token, struct usage_list list)
{
    if (list.first == 0) {
        return token;
    }
    struct usage_node *node = node_at(parser, list.first);
    if (list.first == list.last && node->token[0] == '\0') {
        set_text(node->token, node_at(parser, token)->token);
        return list.first;
    }
    int block = wrap(parser, ARGUMENT_BLOCK, list);
    set_text(node_at(parser, block)->token, node_at(parser, token)->token);
    set_text(node_at(parser, block)->name, node_at(parser, token)->name);
    return block;
}

// Give each token what follows it, up to the next.
static struct usage_list bind_tokens(struct parser *parser, struct usage_list list)
{
    struct usage_list bound = {0};
    for (int i = list.first; i != 0;) {
        int next = node_at(parser, i)->next;
        if (!is_bare_token(node_at(parser, i))) {
            append(parser, &bound, i);
            i = next;
            continue;
        }
        struct usage_list tail = {0};
        while (next != 0 && !is_bare_token(node_at(parser, next))) {
            int behind = node_at(parser, next)->next;
            append(parser, &tail, next);
            next = behind;
        }
        append(parser, &bound, bind(parser, i, tail));
        i = next;
    }
    return bound;
}

static void end_alternative(struct parser *parser, struct frame *frame)
{
    int node = as_one(parser, bind_tokens(parser, frame->sequence));
    if (node != 0) {
        append(parser, &frame->alternatives, node);
    }
    frame->sequence = (struct usage_list){0};
}

// What a frame holds, all of it read.
static struct usage_list contents(struct parser *parser, struct frame *frame)
{
    if (frame->alternatives.first == 0) {
        return bind_tokens(parser, frame->sequence);
    }
    end_alternative(parser, frame);
    int oneof = wrap(parser, ARGUMENT_ONEOF, frame->alternatives);
    return (struct usage_list){oneof, oneof};
}

/* "x y [x y ...]": whether the list has the same names as the end of `before`. Then that becomes
 * one node that may be repeated. */
static bool repeat_end(struct parser *parser, struct usage_list *before, struct usage_list list)
{
    int skipped = usage_length(parser->usage, *before) - usage_length(parser->usage, list);
    struct usage_list kept = {0};
    int at = before->first;
    if (skipped < 0 || list.first == 0) {
        return false;
    }
    for (int i = at; skipped > 0 && i != 0; skipped--) {
        at = node_at(parser, i)->next;
        kept = (struct usage_list){before->first, i};
        i = at;
    }
    for (int i = list.first, j = at; i != 0;
         i = node_at(parser, i)->next, j = node_at(parser, j)->next) {
        if (strcmp(node_at(parser, i)->name, node_at(parser, j)->name) != 0) {
            return false;
        }
    }
    int node = as_one(parser, (struct usage_list){at, before->last});
    node_at(parser, node)->is_multiple = true;
    *before = kept;
    append(parser, before, node);
    return true;
}

static void close_frame(struct parser *parser)
{
    struct frame *frame = &parser->frames[parser->depth--];
    struct usage_list *outer = &parser->frames[parser->depth].sequence;
    struct usage_list list = contents(parser, frame);
    if (frame->repeats && repeat_end(parser, outer, list)) {
        return;
    }
    int node = as_one(parser, list);
    if (node != 0) {
        node_at(parser, node)->is_optional = frame->closer == ']';
        node_at(parser, node)->is_multiple |= frame->repeats;
        append(parser, outer, node);
    }
}

static void open_frame(struct parser *parser, char closer)
{
    if (parser->depth + 1 == USAGE_DEPTH_MAX) {
        parser->error = "too many brackets in each other";
        return;
    }
    parser->frames[++parser->depth] = (struct frame){.closer = closer};
}

// ---- the whole ----

static void take_sign(struct parser *parser, char sign)
{
    struct frame *frame = &parser->frames[parser->depth];
    if (sign == '[' || sign == '<') {
        open_frame(parser, sign == '[' ? ']' : '>');
    } else if (sign == '|') {
        end_alternative(parser, frame);
    } else if (parser->depth == 0 || sign != frame->closer) {
        parser->error = "a bracket is closed that is not open";
    } else {
        close_frame(parser);
    }
}

int usage_parse(struct usage *usage, const char *text, const char **error_out)
{
    struct parser parser = {.usage = usage};
    *usage = (struct usage){0};
    while (*text != '\0' && parser.error == NULL) {
        char word[USAGE_NAME_MAX];
        size_t size = strcspn(text, " []<>|");
        if (size == 0) {
            if (*text != ' ') {
                take_sign(&parser, *text);
            }
            text++;
            continue;
        }
        (void)snprintf(word, sizeof(word), "%.*s", (int)size, text);
        struct frame *frame = &parser.frames[parser.depth];
        if (strcmp(word, "...") == 0) {
            frame->repeats = true;
        } else {
            add_word(&parser, frame, word);
        }
        text += size;
    }
    if (parser.error == NULL && parser.depth > 0) {
        parser.error = "a bracket is not closed";
    }
    if (parser.error == NULL) {
        usage->arguments = contents(&parser, &parser.frames[0]);
    }
    *error_out = parser.error;
    return parser.error == NULL ? 0 : -1;
}

int usage_walk(const struct usage *usage, int node)
{
    if (usage->nodes[node].first != 0) {
        return usage->nodes[node].first;
    }
    while (node != 0 && usage->nodes[node].next == 0) {
        int parent = 0;
        for (int i = 1; i <= usage->count && parent == 0; i++) {
            for (int child = usage->nodes[i].first; child != 0; child = usage->nodes[child].next) {
                parent = child == node ? i : parent;
            }
        }
        node = parent;
    }
    return node == 0 ? 0 : usage->nodes[node].next;
}
