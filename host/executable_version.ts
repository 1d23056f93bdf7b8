/**
 * The version of a Go program that runs, out of its executable file: nothing
 * is started. Go's linker puts the value of `-ldflags "-X …Version=v1.2.3"`
 * into read-only data as a string of its own; Go 1.18 and newer record the
 * flags and the main module's version besides.
 *
 * @module
 */
import { readAt, readLink } from "./raw_files.ts";

type ReadAt = (offset: number, length: number) => Uint8Array<ArrayBuffer>;

/** At most this much of an executable is read, bytes. */
const LIMIT = 64 << 20;
const CHUNK = 1 << 20;
/** Longest version text looked for; chunks overlap by this much. */
const OVERLAP = 512;

/** A part of an ELF file. */
interface Section {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

/** Sections of a 64-bit little-endian ELF file, `elf(5)`; empty for others. */
export function elfSections(read: ReadAt): Section[] {
  const head = read(0, 64);
  if (head.length < 64 || head[0] !== 0x7f || head[4] !== 2 || head[5] !== 1) {
    return [];
  }
  const view = new DataView(head.buffer, head.byteOffset);
  const start = Number(view.getBigUint64(0x28, true));
  const entry = view.getUint16(0x3a, true);
  const count = view.getUint16(0x3c, true);
  const names = view.getUint16(0x3e, true);
  const table = read(start, entry * count);
  if (table.length < entry * count || names >= count) return [];
  const rows = new DataView(table.buffer, table.byteOffset);
  const at = (index: number) => ({
    name: rows.getUint32(index * entry, true),
    offset: Number(rows.getBigUint64(index * entry + 0x18, true)),
    size: Number(rows.getBigUint64(index * entry + 0x20, true)),
  });
  const text = new TextDecoder("latin1").decode(
    read(at(names).offset, Math.min(at(names).size, 65536)),
  );
  return Array.from({ length: count }, (_, index) => at(index)).map(
    (section) => ({
      ...section,
      name: text.slice(section.name, text.indexOf("\0", section.name)),
    }),
  );
}

/** All matches of a pattern in one section, each once. */
function search(read: ReadAt, section: Section, pattern: RegExp): Set<string> {
  const found = new Set<string>();
  const decoder = new TextDecoder("latin1");
  const end = section.offset + Math.min(section.size, LIMIT);
  for (let at = section.offset; at < end; at += CHUNK) {
    const length = Math.min(CHUNK + OVERLAP, end - at);
    for (const match of decoder.decode(read(at, length)).matchAll(pattern)) {
      found.add(match[1] ?? "");
    }
  }
  return found;
}

const PATTERNS: Readonly<
  Record<string, { module: RegExp; alone: RegExp } | undefined>
> = {
  flanneld: {
    module:
      /(?:flannel\/(?:pkg\/)?version\.Version=|mod\tgithub\.com\/(?:flannel-io|coreos)\/flannel\t)(v?\d+\.\d+\.\d+[\w.+-]*)/g,
    // flannel has never left 0: dependencies' versions are seldom of that form.
    alone: /(?<![\w.+~-])(v0\.\d{1,2}\.\d{1,2}(?:-[\w.-]{1,40})?)\0/g,
  },
  dockerd: {
    module: /dockerversion\.Version=(\d+\.\d+\.\d+[\w.+~-]*)/g,
    alone:
      /(?<![\w.+~-])((?:1|1[7-9]|2\d)\.\d{1,2}\.\d{1,2}(?:[+~-][\w.+~-]{1,40})?)\0/g,
  },
};

/** The version in the path of an executable: `/opt/flannel-v0.11.0/flanneld`. */
export function versionInPath(path: string): string | null {
  return /[-_/](v?\d+\.\d+\.\d+(?:-[a-z0-9.]+)?)(?:[-_/]|$)/.exec(path)?.[1] ??
    null;
}

/** The one version a file tells, or null when it tells none or several. */
export function versionOfFile(path: string, program: string): string | null {
  const patterns = PATTERNS[program];
  if (patterns === undefined) return null;
  return readAt(path, (read) => {
    const sections = elfSections(read);
    const tries: readonly (readonly [string, RegExp])[] = [
      [".go.buildinfo", patterns.module],
      [".rodata", patterns.module],
      [".rodata", patterns.alone],
      [".data", patterns.alone],
    ];
    for (const [name, pattern] of tries) {
      const section = sections.find((section) => section.name === name);
      if (section === undefined) continue;
      const [version, ...others] = search(read, section, pattern);
      if (version !== undefined && others.length === 0) return version;
    }
    return null;
  });
}

/**
 * Version of a running program, or null when its executable does not tell it
 * beyond doubt.
 */
export function executableVersion(pid: number, program: string): string | null {
  try {
    const path = `/proc/${pid}/exe`;
    return versionOfFile(path, program) ?? versionInPath(readLink(path));
  } catch {
    return null;
  }
}
