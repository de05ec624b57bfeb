#include "load/workload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAYLOAD_STARTS = 65536, KEY_PREFIX_SIZE = 4 };

static const char get_command[] = "GET key:__key__";
static const char set_command[] = "SET key:__key__ __value__";

static unsigned digits_needed(uint64_t keys)
{
    unsigned digits = 1;
    for (uint64_t last = keys - 1; last >= 10; last /= 10) {
        digits++;
    }
    return digits;
}

static int compile_measured(struct workload *workload, const struct workload_spec *spec,
                            const struct stencil_shape *shape, struct problem *problem)
{
    struct stencil *stencils = workload->stencils;
    if (spec->command != NULL) {
        return stencil_compile(&stencils[0], spec->command, shape, problem);
    }
    workload->first_below = (uint64_t)llround(spec->read_share * 0x1p32);
    if (stencil_compile(&stencils[0], get_command, shape, problem) != 0) {
        return -1;
    }
    return stencil_compile(&stencils[1], set_command, shape, problem);
}

static int compile_floor(struct workload *workload, const struct workload_spec *spec,
                         const struct stencil_shape *shape, struct problem *problem)
{
    if (compile_measured(workload, spec, shape, problem) != 0) {
        return -1;
    }
    struct stencil *stencils = workload->stencils;
    if (spec->command != NULL || spec->read_share >= 1 || spec->read_share <= 0) {
        return 0;
    }
    double mean = (double)stencils[0].size * spec->read_share +
                  (double)stencils[1].size * (1 - spec->read_share);
    workload->first_below = UINT64_C(1) << 32;
    return stencil_pad(&stencils[0], (size_t)lround(mean), problem);
}

static int compile(struct workload *workload, const struct workload_spec *spec,
                   enum workload_kind kind, struct problem *problem)
{
    size_t digits = spec->key_size - KEY_PREFIX_SIZE;
    if (spec->key_size < KEY_PREFIX_SIZE + digits_needed(spec->keys)) {
        return problem_set(problem, "--key-size must be at least %u for %lu keys",
                           KEY_PREFIX_SIZE + digits_needed(spec->keys), spec->keys);
    }
    struct stencil_shape shape = {
        .protocol = spec->protocol, .key_digits = (unsigned)digits, .value_size = spec->value_size};
    const char *populate = spec->populate_command != NULL ? spec->populate_command : set_command;
    switch (kind) {
    case WORKLOAD_MEASURED:
        return compile_measured(workload, spec, &shape, problem);
    case WORKLOAD_POPULATE:
        return stencil_compile(&workload->stencils[0], populate, &shape, problem);
    case WORKLOAD_FLOOR:
        return compile_floor(workload, spec, &shape, problem);
    }
    return -1;
}

static char *make_payload(struct random *random, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    char *payload = malloc(size);
    for (size_t i = 0; payload != NULL && i < size; i++) {
        payload[i] = letters[random_below(random, sizeof(letters) - 1)];
    }
    return payload;
}

int workload_open(struct workload *workload, const struct workload_spec *spec,
                  enum workload_kind kind, struct problem *problem)
{
    *workload = (struct workload){.first_below = UINT64_C(1) << 32};
    key_choice_init(&workload->keys, spec->keys, spec->theta);
    workload->draw = (struct draw){.random = {.state = spec->seed},
                                   .keys = &workload->keys,
                                   .sequential = kind == WORKLOAD_POPULATE,
                                   .payload_starts = PAYLOAD_STARTS};
    if (compile(workload, spec, kind, problem) != 0) {
        workload_close(workload);
        return -1;
    }
    workload->payload = make_payload(&workload->draw.random, spec->value_size + PAYLOAD_STARTS);
    if (workload->payload == NULL) {
        workload_close(workload);
        return problem_set(problem, "out of memory");
    }
    workload->draw.payload = workload->payload;
    size_t first = workload->stencils[0].size;
    size_t second = workload->stencils[1].size;
    bool only_first = workload->first_below >> 32 != 0;
    bool only_second = workload->first_below == 0;
    workload->request_size_max = only_first || (first > second && !only_second) ? first : second;
    return 0;
}

void workload_close(struct workload *workload)
{
    if (workload == NULL) {
        return;
    }
    stencil_deinit(&workload->stencils[0]);
    stencil_deinit(&workload->stencils[1]);
    free(workload->payload);
    workload->payload = NULL;
}

size_t workload_write(struct workload *workload, char *out)
{
    bool first = true;
    if (workload->first_below >> 32 == 0) {
        first = random_next(&workload->draw.random) >> 32 < workload->first_below;
    }
    const struct stencil *stencil = &workload->stencils[first ? 0 : 1];
    stencil_write(stencil, &workload->draw, out);
    return stencil->size;
}

bool workload_is_done(const struct workload *workload)
{
    return workload->draw.sequential && workload->draw.next_key >= workload->keys.count;
}
