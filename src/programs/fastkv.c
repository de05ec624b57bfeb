/* fastkv.c - the server program. */
#include "programs/command_table.h"
#include "server/config.h"
#include "server/server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

// Signals that would end the process come through a descriptor; blocked before any thread starts.
static int open_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void)sigaddset(&set, signals[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int serve(const struct config *config)
{
    static struct server server;
    char error[SERVER_ERROR_MAX];
    int signal_fd = open_signals();
    if (server_open(&server, config, &command_table, error) < 0) {
        (void)fprintf(stderr, "fastkv: %s\n", error);
        server_close(&server);
        return EXIT_FAILURE;
    }
    log_write(&server.log, LOG_LEVEL_NOTICE,
              "fastkv " FASTKV_VERSION " is ready: pid %d, %u workers, %s", (int)getpid(),
              (unsigned)server.config.workers, server.io == LOOP_EPOLL ? "epoll" : "io_uring");
    server_run(&server, signal_fd);
    server_shut(&server);
    log_write(&server.log, LOG_LEVEL_NOTICE, "stopped");
#ifdef FASTKV_CHECKED
    server_close(&server); // So that leaks are seen.
#else
    _exit(EXIT_SUCCESS); // The kernel frees gigabytes faster than we do.
#endif
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct config config;
    char error[CONFIG_ERROR_MAX];
    switch (config_parse(&config, argc, argv, error)) {
    case CONFIG_RUN:
        return serve(&config);
    case CONFIG_HELP:
        config_print_help();
        return EXIT_SUCCESS;
    case CONFIG_VERSION:
        (void)puts("fastkv " FASTKV_VERSION);
        return EXIT_SUCCESS;
    case CONFIG_WRONG:
        (void)fprintf(stderr, "fastkv: %s\n", error);
        return EXIT_FAILURE;
    }
    return EXIT_FAILURE;
}
