// Makes the system fail on purpose: preloaded into a Node process, it lets the N-th call of one
// kind fail. Linux with glibc. Not here: which N, and what is wrong afterwards (./sweep.mjs,
// ./child.mjs).
//
// Which calls count. Memory: calls whose return address lies in the addon's own code. The C++
// library is linked into the addon, so its `operator new` counts. Threads and locks: libuv makes
// them inside Node, so the addon must be its caller. Files: every thread of the process, but only
// files below the folder `prefix`.
//
// The control block is a mapped file that both sides see; all of it is 64-bit numbers but the
// prefix.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NONE, MEMORY, THREAD, LOCK, FILES };

struct control {
  _Atomic int64_t kind;
  int64_t number;           // the call that fails; 0: none, calls are only counted
  int64_t lasting;          // every later one fails too
  int64_t error;            // errno of a file call; 0: it does half of what it was asked
  _Atomic int64_t seen;     // calls of this kind so far
  _Atomic int64_t failed;   // calls that were made to fail
  int64_t at;               // where in the addon the first failed call was made
  int64_t bytes;            // and how much it asked for
  char prefix[4000];
};

static struct control none;
static struct control *control = &none;
static uintptr_t from, to;  // the addon's code
static unsigned char tracked[65536];

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

__attribute__((constructor)) static void begin(void) {
  void *frames[4];
  backtrace(frames, 4);  // loads what it needs now
  const char *path = getenv("BITPLANE_FAULTS");
  const int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) control = mapped;
}

static int look(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size, (void)data;
  const size_t length = strlen(info->dlpi_name);
  if (length < 13 || strcmp(info->dlpi_name + length - 13, "bitplane.node") != 0) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
    to = info->dlpi_addr + part->p_vaddr + part->p_memsz;
    from = info->dlpi_addr + part->p_vaddr;
  }
  return 1;
}

static int ours(const void *address) {
  if (from == 0) dl_iterate_phdr(look, NULL);
  return from != 0 && (uintptr_t)address >= from && (uintptr_t)address < to;
}

// Counts a call of the armed kind; true if it is to fail.
static int fails(const void *address, size_t bytes) {
  const int64_t count = atomic_fetch_add(&control->seen, 1) + 1;
  const int64_t number = control->number;
  if (number == 0 || count < number || (count > number && !control->lasting)) return 0;
  if (atomic_fetch_add(&control->failed, 1) == 0) {
    control->at = address == NULL ? 0 : (int64_t)((uintptr_t)address - from);
    control->bytes = (int64_t)bytes;
  }
  return 1;
}

static int memoryFails(const void *address, size_t bytes) {
  return atomic_load(&control->kind) == MEMORY && ours(address) && fails(address, bytes);
}
#define NO_MEMORY(bytes) memoryFails(__builtin_return_address(0), bytes)

void *malloc(size_t bytes) {
  if (NO_MEMORY(bytes)) return errno = ENOMEM, NULL;
  return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
  if (NO_MEMORY(count * bytes)) return errno = ENOMEM, NULL;
  return __libc_calloc(count, bytes);
}
void *realloc(void *old, size_t bytes) {
  if (NO_MEMORY(bytes)) return errno = ENOMEM, NULL;
  return __libc_realloc(old, bytes);
}
void *memalign(size_t alignment, size_t bytes) {
  if (NO_MEMORY(bytes)) return errno = ENOMEM, NULL;
  return __libc_memalign(alignment, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
  if (NO_MEMORY(bytes)) return errno = ENOMEM, NULL;
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **out, size_t alignment, size_t bytes) {
  if (NO_MEMORY(bytes)) return ENOMEM;
  void *given = __libc_memalign(alignment, bytes);
  if (given == NULL) return ENOMEM;
  *out = given;
  return 0;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (real == NULL) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

void *mmap(void *where, size_t bytes, int protection, int flags, int file, off_t offset) {
  REAL(void *, mmap, void *, size_t, int, int, int, off_t);
  if (NO_MEMORY(bytes)) return errno = ENOMEM, MAP_FAILED;
  return real(where, bytes, protection, flags, file, offset);
}

// `depth`: the frames of this function, the one below and libuv's come before the caller in
// question. Callers further away are ignored: for a thread-safe function Node makes locks for
// itself, and ends the process if it gets none.
static __attribute__((noinline)) int nearby(int64_t kind, int depth) {
  if (atomic_load(&control->kind) != kind) return 0;
  void *frames[8];
  const int count = backtrace(frames, depth);
  for (int i = 0; i < count; i++)
    if (ours(frames[i])) return fails(frames[i], 0);
  return 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*entry)(void *),
                   void *arg) {
  REAL(int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  return nearby(THREAD, 5) ? EAGAIN : real(thread, attr, entry, arg);
}
int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr) {
  REAL(int, pthread_mutex_init, pthread_mutex_t *, const pthread_mutexattr_t *);
  return nearby(LOCK, 4) ? ENOMEM : real(mutex, attr);
}
int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr) {
  REAL(int, pthread_cond_init, pthread_cond_t *, const pthread_condattr_t *);
  return nearby(LOCK, 4) ? ENOMEM : real(cond, attr);
}

// Files.
static int below(const char *path) {
  const size_t length = strlen(control->prefix);
  return length > 0 && path != NULL && strncmp(path, control->prefix, length) == 0;
}
static int isTracked(int file) { return file >= 0 && file < (int)sizeof tracked && tracked[file]; }
static int fileFails(int meant) {
  return atomic_load(&control->kind) == FILES && meant && fails(NULL, 0);
}
// Only calls that return a count can come back short; all others are left alone.
#define FAIL_PLAIN(meant) \
  if (control->error != 0 && fileFails(meant)) return errno = (int)control->error, -1
#define FAIL_OR_HALVE(meant, count) \
  if (fileFails(meant)) { \
    if (control->error != 0) return errno = (int)control->error, -1; \
    if ((count) > 1) (count) /= 2; \
  }

int open64(const char *path, int flags, ...) {
  REAL(int, open64, const char *, int, ...);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  const int meant = below(path);
  FAIL_PLAIN(meant);
  const int file = real(path, flags, mode);
  if (file >= 0 && file < (int)sizeof tracked) tracked[file] = (unsigned char)meant;
  return file;
}
int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open64(path, flags, mode);
}
int close(int file) {
  REAL(int, close, int);
  const int meant = isTracked(file);
  if (meant) tracked[file] = 0;
  const int result = real(file);
  FAIL_PLAIN(meant);
  return result;
}
ssize_t read(int file, void *out, size_t count) {
  REAL(ssize_t, read, int, void *, size_t);
  FAIL_OR_HALVE(isTracked(file), count);
  return real(file, out, count);
}
ssize_t pread64(int file, void *out, size_t count, off64_t at) {
  REAL(ssize_t, pread64, int, void *, size_t, off64_t);
  FAIL_OR_HALVE(isTracked(file), count);
  return real(file, out, count, at);
}
ssize_t write(int file, const void *from, size_t count) {
  REAL(ssize_t, write, int, const void *, size_t);
  FAIL_OR_HALVE(isTracked(file), count);
  return real(file, from, count);
}
ssize_t pwrite64(int file, const void *from, size_t count, off64_t at) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
  FAIL_OR_HALVE(isTracked(file), count);
  return real(file, from, count, at);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
  REAL(ssize_t, writev, int, const struct iovec *, int);
  FAIL_OR_HALVE(isTracked(file), count);
  return real(file, parts, count);
}
int fsync(int file) {
  REAL(int, fsync, int);
  FAIL_PLAIN(isTracked(file));
  return real(file);
}
int fdatasync(int file) {
  REAL(int, fdatasync, int);
  FAIL_PLAIN(isTracked(file));
  return real(file);
}
int ftruncate64(int file, off64_t size) {
  REAL(int, ftruncate64, int, off64_t);
  FAIL_PLAIN(isTracked(file));
  return real(file, size);
}
int rename(const char *old, const char *new) {
  REAL(int, rename, const char *, const char *);
  FAIL_PLAIN(below(old));
  return real(old, new);
}
int unlink(const char *path) {
  REAL(int, unlink, const char *);
  FAIL_PLAIN(below(path));
  return real(path);
}
