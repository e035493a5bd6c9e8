// A disk that takes 2 ms longer for each flush. Loaded with LD_PRELOAD into the process under test.
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int flush(long call, int file) {
    const struct timespec delay = {0, 2000000};
    nanosleep(&delay, 0);
    return syscall(call, file);
}

int fsync(int file) { return flush(SYS_fsync, file); }
int fdatasync(int file) { return flush(SYS_fdatasync, file); }
