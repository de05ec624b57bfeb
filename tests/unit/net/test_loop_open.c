/* test_loop_open.c - which back-end is taken, and what where io_uring is refused. */
#include "loop_rig.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

TEST_BOTH(names_say_which_back_end_it_is)
{
    struct loop *loop = open_loop(kind);
    ck_assert_str_eq(loop_name(loop), kind == LOOP_EPOLL ? "epoll" : "io_uring");
    loop_close(loop);
}

TEST(closing_no_loop_is_harmless)
{
    loop_close(NULL);
}

/* From here on this process is refused a system call. */
static void refuse(int number, uint32_t error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void expect_it_works(struct loop *loop)
{
    struct pair pair;
    add_pair(&pair, loop);
    peer_writes(&pair, "it works");
    expect_data(&pair, "it works");
    close_pair(&pair);
    loop_close(loop);
}

static void expect_epoll_instead(int refusal_expected)
{
    struct loop *loop;
    int refusal = 0;
    ck_assert_int_eq(loop_open(LOOP_URING, &loop, NULL), refusal_expected);
    ck_assert_int_eq(loop_open(LOOP_AUTO, &loop, &refusal), 0);
    ck_assert_int_eq(refusal, refusal_expected);
    ck_assert_str_eq(loop_name(loop), "epoll");
    expect_it_works(loop);
}

TEST(epoll_is_taken_where_io_uring_is_refused)
{
    refuse(SYS_io_uring_setup, EPERM);
    expect_epoll_instead(-EPERM);
}

TEST(epoll_is_taken_where_io_uring_is_unknown)
{
    refuse(SYS_io_uring_setup, ENOSYS);
    expect_epoll_instead(-ENOSYS);
}

TEST(epoll_is_taken_where_buffer_rings_are_unknown)
{
    if (uring_is_allowed()) {
        refuse(SYS_io_uring_register, EINVAL);
        expect_epoll_instead(-EINVAL);
    }
}

TEST(io_uring_is_taken_where_it_is_allowed)
{
    struct loop *loop;
    int refusal = 1;
    bool allowed = uring_is_allowed();
    ck_assert_int_eq(loop_open(LOOP_AUTO, &loop, &refusal), 0);
    ck_assert_str_eq(loop_name(loop), allowed ? "io_uring" : "epoll");
    ck_assert_int_eq(refusal == 0, allowed);
    loop_close(loop);
}

/* The limit holds per user and not for root, who becomes a user without other processes.
 * Whether that is so. */
static bool limit_locked_memory(rlim_t bytes)
{
    const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    return geteuid() == 0 && setuid(600000 + (uid_t)getpid()) == 0;
}

TEST(io_uring_is_content_with_little_locked_memory)
{
    bool allowed = uring_is_allowed();
    bool is_alone = limit_locked_memory(65536);
    struct loop *loop;
    ck_assert_int_eq(loop_open(LOOP_AUTO, &loop, NULL), 0);
    if (is_alone) {
        ck_assert_str_eq(loop_name(loop), allowed ? "io_uring" : "epoll");
    }
    expect_it_works(loop);
}

TEST(no_locked_memory_at_all_is_no_obstacle)
{
    (void)limit_locked_memory(0);
    struct loop *loop;
    ck_assert_int_eq(loop_open(LOOP_AUTO, &loop, NULL), 0);
    expect_it_works(loop);
}
