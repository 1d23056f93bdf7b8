/**
 * The C library through Deno's FFI: one table for everything in `host/` and
 * `agent/` that needs a system call Deno does not offer. Nothing is loaded
 * until {@linkcode libc} is called for the first time, so that `flandoc
 * version` does not pay for it.
 *
 * Results of type `ssize_t` are declared `i32`: no call here moves 2 GiB, and
 * a 32-bit result is a number where a 64-bit one would be a bigint.
 *
 * @module
 */

const SYMBOLS = {
  /** int *__errno_location(void) */
  __errno_location: { parameters: [], result: "pointer" },
  /** char *strerror(int errnum) */
  strerror: { parameters: ["i32"], result: "pointer" },
  /** int socket(int domain, int type, int protocol) */
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  /** int bind(int fd, const struct sockaddr *addr, socklen_t addrlen) */
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** int connect(int fd, const struct sockaddr *addr, socklen_t addrlen) */
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** int getsockname(int fd, struct sockaddr *addr, socklen_t *addrlen) */
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  /** int setsockopt(int fd, int level, int name, const void *value, socklen_t length) */
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  /** int getsockopt(int fd, int level, int name, void *value, socklen_t *length) */
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  /** ssize_t send(int fd, const void *buf, size_t len, int flags) */
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  /** ssize_t send(int fd, const void *buf, size_t len, int flags) */
  send_nonblocking: {
    name: "send",
    parameters: ["i32", "buffer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  /** ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t tolen) */
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "i32",
  },
  /** ssize_t recv(int fd, void *buf, size_t len, int flags) */
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  /** ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from, socklen_t *fromlen) */
  recvfrom: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"],
    result: "i32",
  },
  /** int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags) */
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  /** int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *timeout) */
  recvmmsg: {
    parameters: ["i32", "buffer", "u32", "i32", "pointer"],
    result: "i32",
  },
  /** int poll(struct pollfd *fds, nfds_t count, int timeout) */
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  /** int poll(struct pollfd *fds, nfds_t count, int timeout) */
  poll_nonblocking: {
    name: "poll",
    parameters: ["buffer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  /** int eventfd(unsigned int initval, int flags) */
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  /** int open(const char *path, int flags, ...) */
  open: { parameters: ["buffer", "i32"], result: "i32" },
  /** ssize_t readlink(const char *path, char *buf, size_t size) */
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  /** int statx(int dirfd, const char *path, int flags, unsigned int mask, struct statx *buf) */
  statx: {
    parameters: ["i32", "buffer", "i32", "u32", "buffer"],
    result: "i32",
    // glibc has it since 2.28.
    optional: true,
  },
  /** int malloc_trim(size_t pad) */
  malloc_trim: {
    parameters: ["usize"],
    result: "i32",
    // glibc's own.
    optional: true,
  },
  /** DIR *opendir(const char *name) */
  opendir: { parameters: ["buffer"], result: "pointer" },
  /** struct dirent *readdir(DIR *directory) */
  readdir: { parameters: ["pointer"], result: "pointer" },
  /** int closedir(DIR *directory) */
  closedir: { parameters: ["pointer"], result: "i32" },
  /** int close(int fd) */
  close: { parameters: ["i32"], result: "i32" },
  /** ssize_t read(int fd, void *buf, size_t count) */
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  /** ssize_t pread(int fd, void *buf, size_t count, off_t offset) */
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  /** ssize_t write(int fd, const void *buf, size_t count) */
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  /** ssize_t writev(int fd, const struct iovec *iov, int iovcnt) */
  writev: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  /** int ioctl(int fd, unsigned long request, ...) */
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  /** int ioctl(int fd, unsigned long request, ...) */
  ioctl_value: {
    name: "ioctl",
    parameters: ["i32", "usize", "usize"],
    result: "i32",
  },
  /** int setns(int fd, int nstype) */
  setns: { parameters: ["i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of the C library that flandoc calls. */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** glibc first, then musl, whose file is named after the machine. */
const NAMES = [
  "libc.so.6",
  `libc.musl-${Deno.build.arch}.so.1`,
  "libc.so",
] as const;

let loaded: Libc | undefined;
let errnoView: Deno.UnsafePointerView | undefined;

/**
 * The C library, loaded at the first call and kept.
 *
 * @throws {Error} When FFI is not permitted or no C library can be loaded.
 */
export function libc(): Libc {
  return loaded ??= load();
}

/**
 * `errno` of the calling thread, as the last failed call left it. Only right
 * immediately after a synchronous call: a nonblocking one ran on another
 * thread, which has an errno of its own.
 */
export function errno(): number {
  if (errnoView === undefined) {
    const pointer = libc().__errno_location();
    if (pointer === null) return 0;
    errnoView = new Deno.UnsafePointerView(pointer);
  }
  return errnoView.getInt32();
}

/** The C library's text for an error number: `File exists` for 17. */
export function strerror(number: number): string {
  const pointer = libc().strerror(number);
  return pointer === null
    ? `error ${number}`
    : Deno.UnsafePointerView.getCString(pointer);
}

/** Opened at once; errno's, for opening another would change errno. */
const FIRST = { __errno_location: SYMBOLS.__errno_location } as const;

/**
 * The others are opened one by one when they are first asked for: Deno makes
 * machine code for each, 0.5 ms a piece, and a command calls half of them.
 */
function load(): Libc {
  const { file, symbols } = openFirst();
  const functions: Record<string, unknown> = { ...symbols };
  for (const name of Object.keys(SYMBOLS) as (keyof Libc)[]) {
    if (name in symbols) continue;
    Object.defineProperty(functions, name, {
      configurable: true,
      enumerable: true,
      get() {
        const opened = Deno.dlopen(file, { [name]: SYMBOLS[name] });
        const value = opened.symbols[name];
        Object.defineProperty(functions, name, { value, enumerable: true });
        return value;
      },
    });
  }
  return functions as Libc;
}

function openFirst() {
  const failures: string[] = [];
  for (const file of NAMES) {
    try {
      return { file, symbols: Deno.dlopen(file, FIRST).symbols };
    } catch (error) {
      if (
        error instanceof Deno.errors.NotCapable ||
        error instanceof Deno.errors.PermissionDenied
      ) {
        throw new Error(
          "Cannot call the kernel: FFI is not permitted, run with --allow-ffi",
          { cause: error },
        );
      }
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(`Cannot load the C library: ${failures.join("; ")}`);
}
