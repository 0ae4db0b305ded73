/* Shifts the wall clock of a program by KAFKA_RPC_CLOCK_SHIFT seconds, when loaded by LD_PRELOAD.
 *
 * Monotonic clocks are untouched. The kernel's clock isn't shifted, so an absolute wall time that
 * the program waits for is shifted back; else each such wait, and librdkafka has many, would last
 * longer or shorter by the shift. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static time_t shift(void)
{
    /* Read each time: a constructor would run too late for other libraries' constructors. */
    const char *seconds = getenv("KAFKA_RPC_CLOCK_SHIFT");
    return seconds ? (time_t)atoll(seconds) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    /* The system call, since the function of this name is this one. */
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += shift();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise))
        return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now)
{
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise))
        return (time_t)-1;
    if (now)
        *now = precise.tv_sec;
    return precise.tv_sec;
}

int timespec_get(struct timespec *now, int base)
{
    return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, now) ? base : 0;
}

/* A condition variable doesn't tell its clock. Monotonic time counts from the boot, so a large value
 * is wall time. */
#define IS_WALL_TIME(at) ((at).tv_sec > 900000000)

static struct timespec shifted_back(const struct timespec *until)
{
    struct timespec at = *until;
    if (IS_WALL_TIME(at))
        at.tv_sec -= shift();
    return at;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    /* The function that this one hides has several versions; with a named clock there is one. */
    struct timespec at = shifted_back(until);
    clockid_t clock = IS_WALL_TIME(at) ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    return pthread_cond_clockwait(condition, mutex, clock, &at);
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                  const struct timespec *restrict until)
{
    int (*hidden)(cnd_t *, mtx_t *, const struct timespec *) = dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec at = shifted_back(until);
    return hidden(condition, mutex, &at);
}
