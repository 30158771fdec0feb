/* crypt_loop HASH SECRET SECONDS THREADS: what the machine itself can do: crypt_rn() and nothing else. Prints
 * the verifications a second of all threads, and the microseconds that one takes, by the clock and of the
 * CPU. */
#include <crypt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_THREADS = 256 };

struct loop {
    pthread_t thread;
    const char *hash;
    const char *secret;
    double seconds;
    double count;
    double rate; /* a second; 0: the hash is not that of the secret */
};

static double seconds_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *verify(void *context)
{
    struct loop *loop = context;
    struct crypt_data *data = calloc(1, sizeof *data);
    const double began = seconds_of(CLOCK_MONOTONIC);
    double count = 0;
    double passed = 0;
    while (data != NULL && passed < loop->seconds) {
        const char *computed = crypt_rn(loop->secret, loop->hash, data, sizeof *data);
        if (computed == NULL || strcmp(computed, loop->hash) != 0) {
            count = 0;
            break;
        }
        count++;
        passed = seconds_of(CLOCK_MONOTONIC) - began;
    }
    loop->count = count;
    loop->rate = passed > 0 ? count / passed : 0;
    free(data);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct loop loops[MOST_THREADS];
    const size_t threads = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
    if (threads < 1 || threads > MOST_THREADS)
        return 2;
    for (size_t i = 0; i < threads; i++) {
        loops[i].hash = argv[1];
        loops[i].secret = argv[2];
        loops[i].seconds = strtod(argv[3], NULL);
        if (pthread_create(&loops[i].thread, NULL, verify, &loops[i]) != 0)
            return EXIT_FAILURE;
    }
    double count = 0;
    double rate = 0;
    for (size_t i = 0; i < threads; i++) {
        pthread_join(loops[i].thread, NULL);
        if (loops[i].rate <= 0)
            return EXIT_FAILURE;
        count += loops[i].count;
        rate += loops[i].rate;
    }
    printf("rate=%.3f us=%.1f cpu_us=%.1f\n", rate, 1e6 * (double)threads / rate,
           1e6 * seconds_of(CLOCK_PROCESS_CPUTIME_ID) / count);
    return 0;
}
