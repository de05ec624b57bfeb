/* pool.h - memory for entries, nodes and tables, counted by what it is for.
 *
 *   thread 1: pool ── caches ──┐            ┌─ slabs of 8-byte objects
 *   thread 2: pool ── caches ──┼── depot ───┼─ slabs of 16-byte objects  ...
 *   thread 3: pool ── caches ──┘            └─ chunks of 2 MiB, cut into slabs
 *
 * A depot serves one server; each of its threads has a pool of its own. A pool
 * keeps a short list of free objects per size class and trades with the depot
 * in batches, so an object may be freed by another thread than the one that
 * allocated it at no extra cost. Classes step by 8 bytes to 1 KiB, then by a
 * thirty-second of a doubling to POOL_CLASS_MAX; larger blocks come from malloc.
 *
 * A slab whose objects are all free goes back to its chunk, and an empty chunk is a spare
 * until depot_release gives it back to the kernel. Pages of hash tables (MEMORY_TABLE), and
 * passing memory, which goes with a request, its reply or a connection, have slabs and
 * chunks of their own.
 *
 * A reserve of address space is kept for passing memory: when the kernel has no more,
 * requests are still read and answered, and those that free memory do. Data gets none of it
 * but for what pool_open_reserve allows. Where the kernel lets processes map more than it has
 * (a limit of a control group), it ends the process instead, and no reserve helps.
 *
 * Retired blocks (pool_retire) are freed by quiescence: only after every pool
 * of the depot that is online has passed a quiescent point (see reclaim.c).
 *
 * Built with -Dchecked=true, objects come one by one from malloc, so that
 * sanitizers see each of them, and pool_fail_after works. Sizes are rounded as in other
 * builds; what is beyond the size asked for is poisoned (AddressSanitizer).
 *
 * Ownership: the caller names size and tag again when it frees.
 * Threads:   depot, any; a pool, one thread at a time.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What memory is for; INFO memory shows one figure for each. */
enum memory_tag {
    MEMORY_KEYSPACE, // shards and databases
    MEMORY_ENTRY,    // keys with the values stored beside them
    MEMORY_TABLE,    // hash table segments and directories
    MEMORY_DEADLINE, // heaps of deadlines
    MEMORY_STRING,   // strings too long to stand beside their key
    MEMORY_ZSET,     // sorted sets
    MEMORY_CLIENT,   // connections
    MEMORY_INPUT,    // requests that have not arrived in full
    MEMORY_OUTPUT,   // replies that are not yet sent
    MEMORY_JOB,      // background work
    MEMORY_OTHER,
    MEMORY_TAGS
};

/* The word INFO memory shows for a tag, such as "entry". */
const char *memory_tag_name(enum memory_tag tag);

enum { POOL_CLASS_MAX = 16 * 1024, POOL_CHUNK_SIZE = 2 * 1024 * 1024 };

struct depot;
struct pool;
struct waiter;

/* A depot without pools; NULL when out of memory. */
struct depot *depot_create(void);

/* Free the depot and all its memory; its pools are destroyed before. Wakes who still waits for
 * memory. NULL is fine. */
void depot_destroy(struct depot *depot);

/* Live bytes per tag over all pools (sizes as rounded up to their class). A sum
 * of per-thread counters: exact whenever no thread is allocating. */
void depot_usage(struct depot *depot, uint64_t bytes_out[MEMORY_TAGS]);

/* Bytes taken from the kernel for slabs; less what was given back. */
uint64_t depot_mapped_bytes(struct depot *depot);

/* Whether the depot wants memory from the kernel ahead of need, or has a surplus now, and
 * nobody who was told so has called depot_upkeep since. Cheap; any thread. */
bool depot_claim_upkeep(struct depot *depot);

/* Get it, and wake who waits for it. The kernel clears it now, a few ms for 2 MiB on some
 * machines, not while an insert waits: for a thread that may wait. Out of memory is not an
 * error; then memory does not count as short, so that who allocates finds out. */
void depot_upkeep(struct depot *depot);

/* Whether somebody began to wait for memory, and nobody who was told so has called
 * depot_relieve since. Cheap; any thread. */
bool depot_claim_relief(struct depot *depot);

/* As depot_upkeep, but only as much as ends a shortage: for a thread that runs while all cores
 * are busy. */
void depot_relieve(struct depot *depot);

/* Whether what depot_upkeep got is nearly used up, so that an allocation may wait for the
 * kernel. Never before the first depot_upkeep: nobody would end it. Cheap; any thread. */
bool depot_is_short(struct depot *depot);

/* Be woken, once, by the depot_upkeep that ends the shortage; perhaps before this returns.
 * The waiter stays the caller's, who leaves it alone until then. */
void depot_await(struct depot *depot, struct waiter *waiter);

/* Whether there is a surplus of free memory that is not given back yet. Any thread. */
bool depot_has_surplus(struct depot *depot);

/* Give back to the kernel some of the surplus that nobody needed since the last call: an
 * eighth of it, 32 MiB at least of what there is. For a thread that may wait to call a few
 * times a second while there is a surplus: what is freed is mostly needed again, and much
 * unmapped at once makes some machines stop. */
void depot_release(struct depot *depot);

/* When much is freed: let every pool flush its cache at its next pool_online. A few free
 * objects from all over the memory would keep many chunks. */
void depot_recall(struct depot *depot);

/* A pool of `depot`, online; NULL when out of memory. */
struct pool *pool_create(struct depot *depot);

/* Give everything back to the depot. NULL is fine. */
void pool_destroy(struct pool *pool);

/* Until pool_close_reserve, some of the reserve serves for data, too: around a change that
 * frees memory sooner or later, such as setting a deadline. */
void pool_open_reserve(struct pool *pool);
void pool_close_reserve(struct pool *pool);

/* `size` > 0 bytes aligned to 8, or to 64 where size is a multiple of 64 and at
 * most POOL_CLASS_MAX; not cleared. NULL when out of memory. */
void *pool_alloc(struct pool *pool, enum memory_tag tag, size_t size);

/* The same, cleared. Large blocks take no memory until they are touched. */
void *pool_alloc_zeroed(struct pool *pool, enum memory_tag tag, size_t size);

/* Free a block; `size` and `tag` as allocated. NULL is fine. */
void pool_free(struct pool *pool, enum memory_tag tag, void *block, size_t size);

/* POOL_CHUNK_SIZE bytes, cleared and aligned to their size, in one huge page where the
 * kernel has them; NULL when out of memory. For a few large arrays that every request looks
 * into: they cost fewer TLB misses there. */
void *pool_alloc_chunk(struct pool *pool, enum memory_tag tag);
void pool_free_chunk(struct pool *pool, enum memory_tag tag, void *memory);

/* Whole pages, cleared, straight from the kernel and straight back to it. They take memory
 * only where they were touched. NULL when out of memory. */
void *pool_map(struct pool *pool, enum memory_tag tag, size_t size);
void pool_unmap(struct pool *pool, enum memory_tag tag, void *memory, size_t size);

/* Change a block's size, perhaps moving it. NULL when out of memory; the old
 * block stays. A NULL block is an allocation. */
void *pool_resize(struct pool *pool, enum memory_tag tag, void *block, size_t old_size,
                  size_t new_size);

/* Whether a block of `old_size` bytes serves for `new_size`, where it is: then it is of that
 * size from now on. Always so for the same size. */
NODISCARD bool pool_refit(void *block, size_t old_size, size_t new_size);

/* What an allocation of `size` really holds: the size of its class. */
size_t pool_class_size(size_t size);

/* Make sure the next `count` calls of pool_retire cannot fail. 0 or -ENOMEM. */
NODISCARD int pool_retire_reserve(struct pool *pool, unsigned count);

/* Free the block once no reader can still hold a reference that it got before
 * this call. Needs a reservation. */
void pool_retire(struct pool *pool, enum memory_tag tag, void *block, size_t size);

/* The calling thread holds no unlocked references now. Frees what is due. Cheap. */
void pool_quiesce(struct pool *pool);

/* Before the thread sleeps: others need not wait for it. */
void pool_offline(struct pool *pool);

/* After the sleep, before the first unlocked read. */
void pool_online(struct pool *pool);

/* Let the pool's thread give way to others in pool_rest: for background threads. A
 * kernel that has once preferred one to a worker lets it run for a whole tick. */
void pool_set_yielding(struct pool *pool);

/* In long work, no lock held, after `objects` more were dealt with: a yielding thread
 * lets others run every 25 us. Does nothing for the rest. */
void pool_rest(struct pool *pool, size_t objects);

/* Wait until every other thread has passed a quiescent point since this call, with
 * short sleeps; quiesces the caller too. For background threads only. */
void pool_synchronize(struct pool *pool);

/* The depot's epoch: it rises with each retirement and each depot_advance. Acquire: who sees a
 * number sees what was written before it was made. */
uint64_t depot_epoch(const struct depot *depot);

/* Raise it; returns the number before. Sequentially consistent, with a fence behind it, as
 * pool_online has: of a thread that comes online and one that advances and then asks
 * pool_has_passed, at least one sees what the other has written before. */
uint64_t depot_advance(struct depot *depot);

/* Whether a pool's thread, any other's, is offline or has passed a quiescent point since the
 * depot's epoch rose above `epoch`. Acquire: what it wrote before is seen. */
bool pool_has_passed(const struct pool *pool, uint64_t epoch);

/* Give the cached free objects back to the depot (before a long sleep). */
void pool_flush(struct pool *pool);

/* Checked builds: let the n-th allocation from now fail (0: the next), once;
 * a negative n lets none fail. Other builds: does nothing. */
void pool_fail_after(struct pool *pool, long n);

/* Checked builds: allocations made since the pool was created. */
uint64_t pool_allocations(const struct pool *pool);
