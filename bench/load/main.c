/* main.c - fastkv-bench, a load generator that compares key-value servers. */
#include "load/options.h"
#include "load/report.h"
#include "load/session.h"

#include <stdlib.h>

// Set by the signal handler, which can be told in no other way.
static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

/* End early on the first SIGINT or SIGTERM and at once on the second. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int complain(const struct problem *problem)
{
    (void)fprintf(stderr, "fastkv-bench: %s\n", problem->text);
    return EXIT_FAILURE;
}

static int show_request_bytes(const struct options *options, struct problem *problem)
{
    struct workload workload;
    if (workload_open(&workload, &options->workload, WORKLOAD_FLOOR, problem) != 0) {
        return complain(problem);
    }
    (void)printf("%zu\n", workload.request_size_max);
    workload_close(&workload);
    return EXIT_SUCCESS;
}

/* The report, and whether any server did nothing but fail. */
static int report(const struct session *session)
{
    size_t turns = 0;
    for (unsigned i = 0; i < session->count; i++) {
        turns += session->contestants[i].turn_count;
    }
    if (turns == 0) {
        return EXIT_SUCCESS;
    }
    if (session->options->json) {
        report_print_json(session, stdout);
    } else {
        report_print_table(session, stdout);
    }
    int status = EXIT_SUCCESS;
    for (unsigned i = 0; i < session->count; i++) {
        const struct contestant *contestant = &session->contestants[i];
        const struct reply_tally *tally = &contestant->tally;
        if (tally->replies > 0 && tally->errors == tally->replies) {
            (void)fprintf(stderr, "fastkv-bench: %s: every reply was an error: %.*s\n",
                          contestant->endpoint->name, tally->error_size, tally->error);
            status = EXIT_FAILURE;
        }
    }
    return status;
}

static int run(const struct options *options, struct problem *problem)
{
    struct session session;
    int failed = session_run(&session, options, &stopped, problem);
    int status = report(&session);
    session_close(&session);
    return failed != 0 ? complain(problem) : status;
}

int main(int argc, char **argv)
{
    struct options options;
    struct problem problem;
    switch (options_parse(&options, argc, (const char *const *)argv, &problem)) {
    case OPTIONS_HELP:
        options_print_help(stdout);
        return EXIT_SUCCESS;
    case OPTIONS_VERSION:
        (void)printf("fastkv-bench %s\n", FASTKV_VERSION);
        return EXIT_SUCCESS;
    case OPTIONS_WRONG:
        return complain(&problem);
    case OPTIONS_RUN:
        break;
    }
    if (options.shows_request_bytes) {
        return show_request_bytes(&options, &problem);
    }
    catch_signals();
    return run(&options, &problem);
}
