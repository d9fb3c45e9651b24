/* Notes every change of files below a folder, and can let changes fail.

   Loaded before libc (LD_PRELOAD); asleep until one of the functions at the end is called. What a
   process does from within libc (stdio) is not seen: the replayer compares the end with the real
   folder, which shows whether something was missed. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, RMDIR, MKDIR, LINK };

struct record {
  uint32_t kind, first, second, flags;
  uint64_t inode, offset, length;
};

#define FDS 65536
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char folder[PATH_MAX];
static int log_fd = -1;
static unsigned char inside[FDS];
static long counted, fails_from; /* 0: nothing fails */
static int fails_with, fails_short;

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int awake(void) { return folder[0] != 0; }

static int within(const char *path) {
  size_t length = strlen(folder);
  return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

/* The whole path of a name; 0 where it is not below the folder. */
static int resolved(int at, const char *name, char *whole) {
  char base[PATH_MAX];
  if (!awake() || !name) return 0;
  if (name[0] == '/') {
    snprintf(whole, PATH_MAX, "%s", name);
  } else {
    if (at == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return 0;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", at);
      ssize_t got = readlink(link, base, sizeof base - 1);
      if (got < 0) return 0;
      base[got] = 0;
    }
    if (snprintf(whole, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
  }
  return within(whole);
}

static int is_inside(int fd) { return awake() && fd >= 0 && fd < FDS && inside[fd]; }

static uint64_t inode_of(int fd) {
  struct stat about;
  return fstat(fd, &about) ? 0 : about.st_ino;
}

static uint64_t inode_at(const char *path) {
  struct stat about;
  return lstat(path, &about) ? 0 : about.st_ino;
}

static ssize_t raw_write(int fd, const void *data, size_t length) {
  REAL(write);
  return real(fd, data, length);
}

static void put(const void *data, size_t length) {
  const char *from = data;
  while (length) {
    ssize_t done = raw_write(log_fd, from, length);
    if (done <= 0) abort();
    from += done;
    length -= (size_t)done;
  }
}

static void note(uint32_t kind, const char *first, const char *second, uint64_t inode,
                 uint64_t offset, uint64_t length, const void *data) {
  int kept = errno;
  if (log_fd >= 0) {
    struct record one = {kind, first ? strlen(first) : 0, second ? strlen(second) : 0, data != NULL,
                         inode, offset, length};
    put(&one, sizeof one);
    if (first) put(first, one.first);
    if (second) put(second, one.second);
    if (data) put(data, length);
  }
  errno = kept;
}

/* Whether this change is to fail: -1 no, 1 by half, 0 wholly; `errno` is set. */
static int failing(void) {
  if (++counted < fails_from || !fails_from) return -1;
  errno = fails_with;
  return fails_short && counted == fails_from;
}

#define ENTER pthread_mutex_lock(&lock)
#define LEAVE(value) \
  do { \
    __typeof__(value) given = (value); \
    int kept_errno = errno; \
    pthread_mutex_unlock(&lock); \
    errno = kept_errno; \
    return given; \
  } while (0)

static int opened(int (*real)(int, const char *, int, ...), int at, const char *name, int flags,
                  mode_t mode) {
  char whole[PATH_MAX];
  ENTER;
  int here = resolved(at, name, whole);
  struct stat before;
  int existed = here && !stat(whole, &before);
  int changes = here && ((flags & O_CREAT && !existed) ||
                         (flags & O_TRUNC && existed && S_ISREG(before.st_mode) && before.st_size));
  if (changes && failing() >= 0) LEAVE(-1);
  int fd = real(at, name, flags, mode);
  if (fd >= 0 && fd < FDS) inside[fd] = here;
  if (fd >= 0 && changes) {
    if (!existed)
      note(CREATE, whole, NULL, inode_of(fd), 0, 0, NULL);
    else
      note(TRUNCATE, NULL, NULL, inode_of(fd), 0, 0, NULL);
  }
  LEAVE(fd);
}

static int real_openat(int at, const char *name, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  REAL(openat);
  return real(at, name, flags, mode);
}

#define MODE \
  mode_t mode = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { \
    va_list more; \
    va_start(more, flags); \
    mode = va_arg(more, mode_t); \
    va_end(more); \
  }

int open(const char *name, int flags, ...) { MODE return opened(real_openat, AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE return opened(real_openat, AT_FDCWD, name, flags, mode); }
int openat(int at, const char *name, int flags, ...) { MODE return opened(real_openat, at, name, flags, mode); }
int openat64(int at, const char *name, int flags, ...) { MODE return opened(real_openat, at, name, flags, mode); }
int creat(const char *name, mode_t mode) {
  return opened(real_openat, AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int fd) {
  REAL(close);
  ENTER;
  if (fd >= 0 && fd < FDS) inside[fd] = 0;
  LEAVE(real(fd));
}

static ssize_t written(int fd, const void *data, size_t length, off64_t at) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, "pwrite64");
  ENTER;
  if (!is_inside(fd)) LEAVE(at < 0 ? raw_write(fd, data, length) : real(fd, data, length, at));
  int fails = failing();
  if (!fails || (fails == 1 && length < 2)) LEAVE((ssize_t)-1);
  if (fails == 1) length /= 2;
  off64_t place = at;
  if (at < 0) {
    struct stat about;
    int flags = fcntl(fd, F_GETFL);
    place = lseek64(fd, 0, SEEK_CUR);
    if (flags & O_APPEND && !fstat(fd, &about)) place = about.st_size;
  }
  ssize_t done = at < 0 ? raw_write(fd, data, length) : real(fd, data, length, at);
  if (done > 0) note(WRITE, NULL, NULL, inode_of(fd), (uint64_t)place, (uint64_t)done, data);
  LEAVE(done);
}

ssize_t write(int fd, const void *data, size_t length) { return written(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return written(fd, data, length, at); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) { return written(fd, data, length, at); }

static ssize_t gathered(int fd, const struct iovec *parts, int count, off64_t at) {
  ssize_t all = 0;
  for (int i = 0; i < count; i++) {
    ssize_t done = written(fd, parts[i].iov_base, parts[i].iov_len, at < 0 ? at : at + all);
    if (done < 0) return all ? all : done;
    all += done;
    if ((size_t)done < parts[i].iov_len) break;
  }
  return all;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  return is_inside(fd) ? gathered(fd, parts, count, -1) : real(fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return gathered(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return gathered(fd, parts, count, at); }

static int cut(int fd, off64_t length) {
  static int (*real)(int, off64_t);
  if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, "ftruncate64");
  ENTER;
  if (!is_inside(fd)) LEAVE(real(fd, length));
  if (failing() >= 0) LEAVE(-1);
  int done = real(fd, length);
  if (!done) note(TRUNCATE, NULL, NULL, inode_of(fd), 0, (uint64_t)length, NULL);
  LEAVE(done);
}

int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

/* Room is taken by making the file longer, so that there is one way to note it. */
static int room(int fd, off64_t at, off64_t length) {
  struct stat about;
  if (fstat(fd, &about)) return errno;
  if (about.st_size >= at + length) return 0;
  return cut(fd, at + length) ? errno : 0;
}

int posix_fallocate(int fd, off_t at, off_t length) {
  REAL(posix_fallocate);
  return is_inside(fd) ? room(fd, at, length) : real(fd, at, length);
}
int posix_fallocate64(int fd, off64_t at, off64_t length) {
  REAL(posix_fallocate64);
  return is_inside(fd) ? room(fd, at, length) : real(fd, at, length);
}

static int synced(int (*real)(int), int fd) {
  ENTER;
  if (!is_inside(fd)) LEAVE(real(fd));
  if (failing() >= 0) LEAVE(-1);
  int done = real(fd);
  if (!done) note(SYNC, NULL, NULL, inode_of(fd), 0, 0, NULL);
  LEAVE(done);
}

int fsync(int fd) {
  REAL(fsync);
  return synced(real, fd);
}
int fdatasync(int fd) {
  REAL(fdatasync);
  return synced(real, fd);
}

static int named(int at, const char *name, int to, const char *new, unsigned flags) {
  static int (*real)(int, const char *, int, const char *, unsigned);
  if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, "renameat2");
  char first[PATH_MAX], second[PATH_MAX];
  ENTER;
  int from_here = resolved(at, name, first), to_here = resolved(to, new, second);
  if ((from_here || to_here) && failing() >= 0) LEAVE(-1);
  int done = real(at, name, to, new, flags);
  if (!done && (from_here || to_here)) note(RENAME, first, second, 0, 0, 0, NULL);
  LEAVE(done);
}

int rename(const char *name, const char *new) { return named(AT_FDCWD, name, AT_FDCWD, new, 0); }
int renameat(int at, const char *name, int to, const char *new) { return named(at, name, to, new, 0); }
int renameat2(int at, const char *name, int to, const char *new, unsigned flags) { return named(at, name, to, new, flags); }

int unlinkat(int at, const char *name, int flags) {
  REAL(unlinkat);
  char whole[PATH_MAX];
  ENTER;
  int here = resolved(at, name, whole);
  int done = real(at, name, flags);
  if (!done && here) note(flags & AT_REMOVEDIR ? RMDIR : UNLINK, whole, NULL, 0, 0, 0, NULL);
  LEAVE(done);
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int at, const char *name, mode_t mode) {
  REAL(mkdirat);
  char whole[PATH_MAX];
  ENTER;
  int here = resolved(at, name, whole);
  if (here && access(whole, F_OK) && failing() >= 0) LEAVE(-1);
  int done = real(at, name, mode);
  if (!done && here) note(MKDIR, whole, NULL, inode_at(whole), 0, 0, NULL);
  LEAVE(done);
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int linkat(int at, const char *name, int to, const char *new, int flags) {
  REAL(linkat);
  char first[PATH_MAX], second[PATH_MAX];
  ENTER;
  int here = resolved(to, new, second);
  if (here && failing() >= 0) LEAVE(-1);
  int done = real(at, name, to, new, flags);
  if (!done && here) note(LINK, resolved(at, name, first) ? first : "", second, 0, 0, 0, NULL);
  LEAVE(done);
}
int link(const char *name, const char *new) { return linkat(AT_FDCWD, name, AT_FDCWD, new, 0); }

/* Copies within the kernel: refused, so that whoever copies falls back to plain writes. */
ssize_t sendfile(int out, int in, off_t *at, size_t length) {
  static ssize_t (*real)(int, int, off_t *, size_t);
  if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, "sendfile");
  if (!is_inside(out)) return real(out, in, at, length);
  errno = ENOTSOCK;
  return -1;
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t length) { return sendfile(out, in, at, length); }
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *at, size_t length, unsigned flags) {
  REAL(copy_file_range);
  if (!is_inside(out)) return real(in, from, out, at, length, flags);
  errno = EXDEV;
  return -1;
}

/* What a test calls by ctypes. */

void faults_record(const char *below, const char *log) {
  log_fd = real_openat(AT_FDCWD, log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (log_fd < 0) abort();
  snprintf(folder, sizeof folder, "%s", below);
}

/* Of all changes but deletions the one of that number, from 1, and all after it fail; 0: none. */
void faults_fail(const char *below, long from, int with, int half) {
  counted = 0;
  fails_from = from;
  fails_with = with;
  fails_short = half;
  snprintf(folder, sizeof folder, "%s", below);
}

long faults_counted(void) { return counted; }
