/* problem.h - what went wrong, as the one line a person is shown.
 *
 * Functions that can fail for reasons worth telling take a problem, write the
 * line into it and return -1; main prints it. Nothing else prints.
 *
 * Threads: one at a time.
 */
#pragma once

struct problem {
    char text[256]; // Cut if longer.
};

/* Write the line; always -1, so that a function can end in `return problem_set(...)`. */
__attribute__((format(printf, 2, 3))) int problem_set(struct problem *problem, const char *format,
                                                      ...);
