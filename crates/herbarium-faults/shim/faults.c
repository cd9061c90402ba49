/* A library that is loaded before the C library of a child process (LD_PRELOAD)
 * and stands between it and the kernel: it notes what the child does to files
 * below one folder, makes chosen calls fail, and kills the child at chosen ones.
 *
 * The child needs to know nothing of it. Everything is set by variables:
 *
 *   HF_ROOT   the folder; calls elsewhere pass through
 *   HF_CLASS  the classes of calls that are counted: the sum of the numbers below
 *   HF_NTH    the number, from 1, of the counted call at which it begins
 *   HF_TIMES  at how many counted calls from then on; 0: at all
 *   HF_DEED   what happens there: "before", "middle" or "after" to be killed,
 *             "short" for half of what was asked, else the number of an errno
 *   HF_FIRED  a file that is made when it first happens; says at which call
 *   HF_LOG    a file to which every call that changes something is appended
 *   HF_SPACE  bytes that may be written before the disk is full
 *   HF_FREED  a file; while it exists, the disk is not full
 *   HF_FSIZE  no file may grow beyond so many bytes (RLIMIT_FSIZE, no signal)
 *   HF_CLOCK  seconds by which the time of day jumps: forwards at one call,
 *             backwards at the next
 *
 * Calls to sync are counted and noted, and not passed on: what would be lost by
 * a power failure is worked out from the log.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum class {
    CREATE = 1, WRITE = 2, SYNC = 4, SYNC_DIR = 8, RENAME = 16, UNLINK = 32, MKDIR = 64,
    TRUNCATE = 128, READ = 256, OPEN = 512, LINK = 1024, ACKNOWLEDGE = 2048,
    OPEN_TO_WRITE = 4096
};

/* One entry of the log, followed by path, other path and data. */
struct entry {
    uint32_t class, path, other, error;
    uint64_t inode, offset, data;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static size_t root_len;
static long class_mask, nth, times, counted, space = -1, clock_step;
static const char *deed = "", *fired_path, *freed_path;
static int log_fd = -1, has_fired;
static _Atomic long clock_calls;

static long number(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value ? atol(value) : otherwise;
}

__attribute__((constructor)) static void begin(void) {
    const char *value = getenv("HF_ROOT");
    if (!value) return;
    strncpy(root, value, sizeof root - 1);
    class_mask = number("HF_CLASS", 0);
    nth = number("HF_NTH", 0);
    times = number("HF_TIMES", 1);
    space = number("HF_SPACE", -1);
    clock_step = number("HF_CLOCK", 0);
    deed = getenv("HF_DEED") ? getenv("HF_DEED") : "";
    fired_path = getenv("HF_FIRED");
    freed_path = getenv("HF_FREED");
    if ((value = getenv("HF_LOG"))) {
        int fd = syscall(SYS_openat, AT_FDCWD, value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900);
        syscall(SYS_close, fd);
    }
    long most = number("HF_FSIZE", -1);
    if (most >= 0) {
        struct rlimit limit = {most, most};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    root_len = strlen(root);
}

static int below_root(const char *path) {
    return root_len && path && !strncmp(path, root, root_len)
        && (path[root_len] == 0 || path[root_len] == '/');
}

/* The path of a descriptor, if it is below the root. */
static int path_of(int fd, char *path, size_t len) {
    char link[64];
    if (!root_len) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t count = syscall(SYS_readlinkat, AT_FDCWD, link, path, len - 1);
    if (count < 0) return 0;
    path[count] = 0;
    return below_root(path);
}

static uint64_t inode_of(int fd) {
    struct stat status;
    return fstat(fd, &status) ? 0 : status.st_ino;
}

static void note(long class, const char *path, const char *other, uint64_t inode, uint64_t offset,
                 const void *data, uint64_t len, int error) {
    if (log_fd < 0) return;
    struct entry entry = {class, strlen(path), strlen(other), error, inode, offset, len};
    struct iovec parts[] = {{&entry, sizeof entry}, {(void *)path, entry.path},
                            {(void *)other, entry.other}, {(void *)data, len}};
    if (syscall(SYS_writev, log_fd, parts, 4) < 0) abort();
}

static void say_fired(const char *name, const char *path) {
    char line[4300];
    if (has_fired++ || !fired_path) return;
    int len = snprintf(line, sizeof line, "%s %s\n", name, path);
    int fd = syscall(SYS_openat, AT_FDCWD, fired_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || syscall(SYS_write, fd, line, len) < 0) abort();
    syscall(SYS_close, fd);
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

enum what { PASS, FAIL, HALF, DIE_IN_MIDDLE, DIE_AFTER };

/* What is to become of this call; errno is set where it is to fail. */
static enum what judge(long class, const char *name, const char *path) {
    if (!(class & class_mask) || !nth) return PASS;
    counted++;
    if (counted < nth || (times && counted >= nth + times)) return PASS;
    say_fired(name, path);
    if (!strcmp(deed, "before")) die();
    if (!strcmp(deed, "middle")) return DIE_IN_MIDDLE;
    if (!strcmp(deed, "after")) return DIE_AFTER;
    if (!strcmp(deed, "short")) return HALF;
    errno = atoi(deed);
    return FAIL;
}

/* Runs `call` under the lock, with what was decided for it around it; an entry
 * of the log is written where it went well. */
#define GUARDED(class_, name, path, note_, call)                                      \
    do {                                                                              \
        pthread_mutex_lock(&lock);                                                    \
        enum what what = judge(class_, name, path);                                   \
        long result = -1;                                                             \
        if (what != FAIL) {                                                           \
            result = (call);                                                          \
            if (result >= 0) { note_; }                                               \
        }                                                                             \
        if (what == DIE_AFTER || what == DIE_IN_MIDDLE) die();                        \
        int saved = errno;                                                            \
        pthread_mutex_unlock(&lock);                                                  \
        errno = saved;                                                                \
        return result;                                                                \
    } while (0)

static int open_guarded(int dir, const char *path, int flags, int mode) {
    if (dir != AT_FDCWD || !below_root(path))
        return syscall(SYS_openat, dir, path, flags, mode);
    struct stat status;
    int is_new = (flags & O_CREAT) && fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) != 0;
    int cuts = !is_new && (flags & O_TRUNC);
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    long class = is_new ? CREATE : writes ? OPEN_TO_WRITE : OPEN;
    GUARDED(class, "open", path,
            if (is_new) note(CREATE, path, "", inode_of(result), 0, "", 0, 0);
            if (cuts) note(TRUNCATE, path, "", inode_of(result), 0, "", 0, 0),
            syscall(SYS_openat, dir, path, flags, mode));
}

#define MODE(flags, mode)                                                             \
    int mode = 0;                                                                     \
    if (flags & (O_CREAT | O_TMPFILE)) {                                              \
        va_list more;                                                                 \
        va_start(more, flags);                                                        \
        mode = va_arg(more, int);                                                     \
        va_end(more);                                                                 \
    }

int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_guarded(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_guarded(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
int openat(int dir, const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_guarded(dir, path, flags, mode);
}
int openat64(int dir, const char *path, int flags, ...) {
    MODE(flags, mode)
    return open_guarded(dir, path, flags | O_LARGEFILE, mode);
}
int creat(const char *path, mode_t mode) {
    return open_guarded(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) {
    return creat(path, mode);
}

/* How much of a write fits on the disk; -1 if nothing does. */
static long room_for(size_t len) {
    if (space < 0 || (freed_path && !syscall(SYS_faccessat, AT_FDCWD, freed_path, F_OK))) return len;
    if (space == 0 && len > 0) {
        say_fired("write", "disk full");
        errno = ENOSPC;
        return -1;
    }
    long fits = (long)len < space ? (long)len : space;
    space -= fits;
    return fits;
}

static long raw_write(int fd, const void *data, size_t len, off_t offset) {
    return offset < 0 ? syscall(SYS_write, fd, data, len)
                      : syscall(SYS_pwrite64, fd, data, len, offset);
}

static ssize_t write_guarded(int fd, const void *data, size_t len, off_t offset) {
    char path[4096];
    if (root_len && fd == STDOUT_FILENO && log_fd >= 0) {
        pthread_mutex_lock(&lock);
        note(ACKNOWLEDGE, "", "", 0, 0, data, len, 0);
        pthread_mutex_unlock(&lock);
    }
    if (fd <= STDERR_FILENO || !path_of(fd, path, sizeof path)) return raw_write(fd, data, len, offset);
    pthread_mutex_lock(&lock);
    enum what what = judge(WRITE, "write", path);
    long result = -1;
    if (what != FAIL) {
        size_t wanted = (what == HALF || what == DIE_IN_MIDDLE) && len > 1 ? len / 2 : len;
        long fits = room_for(wanted);
        uint64_t at = offset;
        if (offset < 0) {
            struct stat status;
            int append = fcntl(fd, F_GETFL) & O_APPEND;
            at = append && !fstat(fd, &status) ? (uint64_t)status.st_size
                                               : (uint64_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
        }
        result = fits < 0 ? -1 : raw_write(fd, data, fits, offset);
        if (result > 0) note(WRITE, path, "", inode_of(fd), at, data, result, 0);
    }
    if (what == DIE_AFTER || what == DIE_IN_MIDDLE) die();
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}

ssize_t write(int fd, const void *data, size_t len) { return write_guarded(fd, data, len, -1); }
ssize_t pwrite(int fd, const void *data, size_t len, off_t at) { return write_guarded(fd, data, len, at); }
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) { return write_guarded(fd, data, len, at); }

static ssize_t read_guarded(int fd, void *data, size_t len, off_t offset) {
    char path[4096];
    int ours = (class_mask & READ) && fd > STDERR_FILENO && path_of(fd, path, sizeof path);
    if (ours) {
        pthread_mutex_lock(&lock);
        enum what what = judge(READ, "read", path);
        int saved = errno;
        pthread_mutex_unlock(&lock);
        errno = saved;
        if (what == FAIL) return -1;
        if (what == HALF && len > 1) len /= 2;
    }
    return offset < 0 ? syscall(SYS_read, fd, data, len) : syscall(SYS_pread64, fd, data, len, offset);
}

ssize_t read(int fd, void *data, size_t len) { return read_guarded(fd, data, len, -1); }
ssize_t pread(int fd, void *data, size_t len, off_t at) { return read_guarded(fd, data, len, at); }
ssize_t pread64(int fd, void *data, size_t len, off64_t at) { return read_guarded(fd, data, len, at); }

static int truncate_guarded(int fd, off_t len) {
    char path[4096];
    if (!path_of(fd, path, sizeof path)) return syscall(SYS_ftruncate, fd, len);
    GUARDED(TRUNCATE, "truncate", path, note(TRUNCATE, path, "", inode_of(fd), len, "", 0, 0),
            syscall(SYS_ftruncate, fd, len));
}
int ftruncate(int fd, off_t len) { return truncate_guarded(fd, len); }
int ftruncate64(int fd, off64_t len) { return truncate_guarded(fd, len); }

static int sync_guarded(int fd) {
    char path[4096];
    struct stat status;
    if (!path_of(fd, path, sizeof path)) return syscall(SYS_fsync, fd);
    long class = !fstat(fd, &status) && S_ISDIR(status.st_mode) ? SYNC_DIR : SYNC;
    pthread_mutex_lock(&lock);
    enum what what = judge(class, "sync", path);
    int error = what == FAIL ? errno : 0;
    note(class, path, "", status.st_ino, 0, "", 0, error);
    if (what == DIE_AFTER || what == DIE_IN_MIDDLE) die();
    pthread_mutex_unlock(&lock);
    errno = error;
    return error ? -1 : 0;
}
int fsync(int fd) { return sync_guarded(fd); }
int fdatasync(int fd) { return sync_guarded(fd); }

static int rename_guarded(const char *from, const char *to) {
    if (!below_root(from) && !below_root(to))
        return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    GUARDED(RENAME, "rename", to, note(RENAME, from, to, 0, 0, "", 0, 0),
            syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int rename(const char *from, const char *to) { return rename_guarded(from, to); }

static int link_guarded(const char *from, const char *to) {
    if (!below_root(to)) return syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    GUARDED(LINK, "link", to, note(LINK, from, to, 0, 0, "", 0, 0),
            syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int link(const char *from, const char *to) { return link_guarded(from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) {
    if (a == AT_FDCWD && b == AT_FDCWD && !flags) return link_guarded(from, to);
    return syscall(SYS_linkat, a, from, b, to, flags);
}

int unlink(const char *path) {
    if (!below_root(path)) return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    GUARDED(UNLINK, "unlink", path, note(UNLINK, path, "", 0, 0, "", 0, 0),
            syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
int rmdir(const char *path) {
    if (!below_root(path)) return syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
    GUARDED(UNLINK, "rmdir", path, note(UNLINK, path, "", 0, 0, "", 0, 0),
            syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
}
/* Names relative to a directory that is open: rmdir of whole trees uses them. */
int unlinkat(int dir, const char *name, int flags) {
    char path[4096];
    if (dir == AT_FDCWD || !path_of(dir, path, sizeof path - 256))
        return syscall(SYS_unlinkat, dir, name, flags);
    strcat(strcat(path, "/"), name);
    GUARDED(UNLINK, "unlink", path, note(UNLINK, path, "", 0, 0, "", 0, 0),
            syscall(SYS_unlinkat, dir, name, flags));
}
int mkdir(const char *path, mode_t mode) {
    if (!below_root(path)) return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    GUARDED(MKDIR, "mkdir", path, note(MKDIR, path, "", 0, 0, "", 0, 0),
            syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

/* Copies inside the kernel would pass by the log: with these refused, a copy is
 * made of reads and writes. */
ssize_t copy_file_range(int a, off64_t *b, int c, off64_t *d, size_t e, unsigned f) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    errno = ENOSYS;
    return -1;
}
ssize_t sendfile(int a, int b, off_t *c, size_t d) {
    (void)a, (void)b, (void)c, (void)d;
    errno = ENOSYS;
    return -1;
}
ssize_t sendfile64(int a, int b, off64_t *c, size_t d) {
    (void)a, (void)b, (void)c, (void)d;
    errno = ENOSYS;
    return -1;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (!result && clock_step && clock == CLOCK_REALTIME)
        now->tv_sec += clock_calls++ % 2 ? -clock_step : clock_step;
    return result;
}
