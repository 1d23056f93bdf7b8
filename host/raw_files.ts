/**
 * Reading and writing files by system call. Deno lets a program open `/proc`
 * and `/sys` through its own API only with every permission there is; flandoc
 * asks for the few it needs, and FFI is one of them. A file of another mount
 * namespace, `/proc/PID/root/…`, is reached the same way.
 *
 * @module
 */

import { constants } from "node:os";
import { errno, libc, strerror } from "./libc.ts";

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const AT_FDCWD = -100;
const STATX_BASIC_STATS = 0x7ff;

const { ENOENT, ESRCH, ENOTDIR, EPERM, EACCES } = constants.errno;
const NOT_THERE = new Set([ENOENT, ESRCH, ENOTDIR]);
const NOT_ALLOWED = new Set([EPERM, EACCES]);

const encoder = new TextEncoder();

function cString(path: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(path + "\0");
}

function fail(operation: string, path: string): never {
  const number = errno();
  const message = `Cannot ${operation} "${path}": ${strerror(number)}`;
  if (NOT_THERE.has(number)) throw new Deno.errors.NotFound(message);
  if (NOT_ALLOWED.has(number)) {
    throw new Deno.errors.PermissionDenied(message);
  }
  throw new Error(message);
}

function withFile<T>(
  path: string,
  flags: number,
  operation: string,
  use: (fd: number) => T,
): T {
  const fd = libc().open(cString(path), flags | O_CLOEXEC);
  if (fd < 0) fail(operation, path);
  try {
    return use(fd);
  } finally {
    libc().close(fd);
  }
}

/**
 * Reads a file of at most `limit` bytes.
 *
 * @throws {Deno.errors.NotFound} when there is no such file or process
 * @throws {Deno.errors.PermissionDenied} when the file may not be read
 * @throws {RangeError} when the file is larger than `limit`
 */
export function readBytes(
  path: string,
  limit = 4 << 20,
): Uint8Array<ArrayBuffer> {
  return withFile(path, O_RDONLY | O_NONBLOCK, "read", (fd) => {
    // /proc says size 0 of everything: grow until read() gives 0.
    let buffer = new Uint8Array(8192);
    let length = 0;
    while (true) {
      if (length === buffer.length) {
        if (length >= limit) {
          throw new RangeError(
            `Cannot read "${path}": expected at most ${limit} bytes`,
          );
        }
        const larger = new Uint8Array(Math.min(buffer.length * 4, limit + 1));
        larger.set(buffer);
        buffer = larger;
      }
      const rest = buffer.subarray(length);
      const got = libc().read(fd, rest, BigInt(rest.length));
      if (got < 0) fail("read", path);
      if (got === 0) return buffer.slice(0, length);
      length += got;
    }
  });
}

/**
 * Reads the beginning of a file into a buffer, with one call: for looking
 * through many small files of `/proc`.
 *
 * @returns how many bytes; 0 also for a file that cannot be read
 */
export function readStart(
  path: string,
  buffer: Uint8Array<ArrayBuffer>,
): number {
  const fd = libc().open(cString(path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return 0;
  const got = libc().read(fd, buffer, BigInt(buffer.length));
  libc().close(fd);
  return Math.max(0, got);
}

/** Reads a text file; see {@linkcode readBytes}. Bytes that are not UTF-8 become U+FFFD. */
export function readText(path: string, limit?: number): string {
  return new TextDecoder().decode(readBytes(path, limit));
}

/** Calls `use` with a function that reads `length` bytes at `offset`; fewer at the end. */
export function readAt<T>(
  path: string,
  use: (at: (offset: number, length: number) => Uint8Array<ArrayBuffer>) => T,
): T {
  return withFile(path, O_RDONLY, "read", (fd) =>
    use((offset, length) => {
      const buffer = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const rest = buffer.subarray(done);
        const got = libc().pread(
          fd,
          rest,
          BigInt(rest.length),
          BigInt(offset + done),
        );
        if (got < 0) fail("read", path);
        if (got === 0) break;
        done += got;
      }
      return buffer.subarray(0, done);
    }));
}

/**
 * Writes text to an existing file in one `write(2)`, as `/proc/sys` wants it.
 *
 * @throws {Deno.errors.NotFound} when there is no such file
 * @throws {Deno.errors.PermissionDenied} when the file may not be written
 */
export function writeOnce(path: string, text: string): void {
  const bytes = new TextEncoder().encode(text);
  withFile(path, O_WRONLY, "write", (fd) => {
    const done = libc().write(fd, bytes, BigInt(bytes.length));
    if (done !== bytes.length) fail("write", path);
  });
}

/**
 * Target of a symbolic link.
 *
 * @throws {Deno.errors.NotFound} when there is no such link
 * @throws {Deno.errors.PermissionDenied} when it may not be read
 */
export function readLink(path: string): string {
  const buffer = new Uint8Array(4096);
  const length = libc().readlink(
    cString(path),
    buffer,
    BigInt(buffer.length),
  );
  if (length < 0) fail("read link", path);
  return new TextDecoder().decode(buffer.subarray(0, length));
}

/** Names in a directory, sorted, without `.` and `..`; empty when it cannot be read. */
export function listDirectory(path: string): string[] {
  const directory = libc().opendir(cString(path));
  if (directory === null) return [];
  const names: string[] = [];
  try {
    for (;;) {
      const entry = libc().readdir(directory);
      if (entry === null) break;
      // struct dirent of 64-bit Linux: ino, off, reclen, type, name at 19.
      const name = new Deno.UnsafePointerView(entry).getCString(19);
      if (name !== "." && name !== "..") names.push(name);
    }
  } finally {
    libc().closedir(directory);
  }
  return names.sort();
}

/** What `statx(2)` says of a file, links followed. */
export interface FileStatus {
  readonly type: "file" | "directory" | "socket" | "other";
  /** Permission bits such as 0o644. */
  readonly mode: number;
  /** User and group that own it. */
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  readonly modified: Date;
}

/** Status of a file, or null when there is none or it may not be looked at. */
export function statusOf(path: string): FileStatus | null {
  const buffer = new Uint8Array(256);
  const failed =
    libc().statx?.(AT_FDCWD, cString(path), 0, STATX_BASIC_STATS, buffer) ?? -1;
  if (failed !== 0) return null;
  const view = new DataView(buffer.buffer);
  const mode = view.getUint16(28, true);
  const types: Record<number, FileStatus["type"]> = {
    0o100000: "file",
    0o040000: "directory",
    0o140000: "socket",
  };
  return {
    type: types[mode & 0o170000] ?? "other",
    mode: mode & 0o7777,
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    size: Number(view.getBigUint64(40, true)),
    modified: new Date(Number(view.getBigInt64(112, true)) * 1000),
  };
}
