import * as k from "./constants.ts";
import { libc, strerror } from "../libc.ts";
import { openNetns } from "../netns.ts";
import { errnoName, SystemError } from "../system_error.ts";
import type { ChangeError, ChangeResult, NetlinkChange } from "./changes.ts";
import { deviceIndexOf } from "./device_index.ts";
import type { DeviceNames } from "./device_names.ts";
import { encodeChange, NoSuchDevice } from "./encode_change.ts";
import { readAnswer } from "./error_message.ts";
import { MessageBuilder } from "./message_builder.ts";
import type { MessageReader } from "./message_reader.ts";
import type { NetlinkConnection } from "./netlink_connection.ts";

/** Messages in one batch: while the kernel is at it the next one is made. */
const BATCH = 256;

/**
 * Up to so many messages are sent by this thread, which is quicker. The kernel
 * works through them inside the system call, at up to 85 µs a route: this
 * bounds how long the process stands still, to about five milliseconds.
 */
const AT_ONCE = 64;

/** A change stays at this when the kernel had no memory for its answer. */
const LOST: ChangeError = {
  code: "ENOBUFS",
  message: "The kernel sent no acknowledgement",
};

/**
 * Applies changes in order, batch by batch, and reports on each.
 *
 * @param readNames Dumps the links; called again after a change of a device,
 * so that later changes may name what earlier ones made.
 */
export async function applyChanges(
  connection: NetlinkConnection,
  changes: readonly NetlinkChange[],
  readNames: () => DeviceNames,
): Promise<ChangeResult[]> {
  const results: ChangeResult[] = [];
  let names: DeviceNames | undefined;
  let sending: Promise<ChangeResult[]> | null = null;
  const aside = changes.length > AT_ONCE;
  for (let start = 0; start < changes.length;) {
    names ??= readNames();
    const end = batchEnd(changes, start);
    const batch = encodeBatch(connection, changes.slice(start, end), names);
    if (sending !== null) results.push(...await sending);
    sending = sendBatch(connection, batch, aside);
    // Nobody waits for it while the next one is made.
    sending.catch(() => {});
    start = end;
    if (batch.changes.at(-1)?.kind !== "link") continue;
    results.push(...await sending);
    sending = null;
    names = undefined;
  }
  if (sending !== null) results.push(...await sending);
  return results;
}

/** A change of a device ends its batch: what follows may depend on its index. */
function batchEnd(changes: readonly NetlinkChange[], start: number): number {
  const limit = Math.min(start + BATCH, changes.length);
  for (let end = start; end < limit; end++) {
    if (changes[end]?.kind === "link") return end + 1;
  }
  return limit;
}

/** A batch that is ready to be sent. */
interface Batch {
  readonly changes: readonly NetlinkChange[];
  /** Of the changes that cannot be written. */
  readonly results: ChangeResult[];
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly first: number;
  /** Positions in the batch of what is sent, by position in what is sent. */
  readonly sent: readonly number[];
  readonly namespaces: Namespaces;
}

function encodeBatch(
  connection: NetlinkConnection,
  changes: readonly NetlinkChange[],
  names: DeviceNames,
): Batch {
  const results: ChangeResult[] = [];
  const builder = new MessageBuilder();
  const first = connection.reserve(changes.length);
  const sent: number[] = [];
  let last = 0;
  using cleanup = new DisposableStack();
  const namespaces = cleanup.use(new Namespaces());
  for (const [position, change] of changes.entries()) {
    const mark = builder.length;
    try {
      encodeChange(
        builder,
        change,
        (first + sent.length) >>> 0,
        deviceIndexOf(names),
        (netns) => namespaces.open(netns),
      );
      // The kernel answers what it refuses in any case, and in order: the
      // answer to the last message says that the others went well.
      if (sent.length > 0) builder.clearFlag(last, k.NLM_F_ACK);
      last = mark;
      sent.push(position);
    } catch (error) {
      builder.truncate(mark);
      results[position] = { change, error: encodingError(error) };
    }
  }
  cleanup.move();
  const bytes = builder.bytes();
  return { changes, results, bytes, first, sent, namespaces };
}

async function sendBatch(
  connection: NetlinkConnection,
  { changes, results, bytes, first, sent, namespaces }: Batch,
  aside: boolean,
): Promise<ChangeResult[]> {
  using _open = namespaces;
  if (sent.length === 0) return results;
  const errors = new Map<number, ChangeError | null>();
  const complete = await connection.acknowledge({
    ...{ bytes, first, count: sent.length, aside },
    onAnswer: (answered, message) => errors.set(answered, kernelError(message)),
  });
  for (const [index, position] of sent.entries()) {
    const error = errors.get(index);
    const silence = complete ? null : LOST;
    results[position] = {
      change: changes[position]!,
      error: error === undefined ? silence : error,
    };
  }
  return results;
}

/** Descriptors of the namespaces one batch names, open while it is sent. */
class Namespaces implements Disposable {
  readonly #descriptors: number[] = [];

  open(netns: string): number {
    const fd = openNetns(netns);
    this.#descriptors.push(fd);
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#descriptors) libc().close(fd);
  }
}

function kernelError(message: MessageReader): ChangeError | null {
  const { errno, detail } = readAnswer(message);
  if (errno === 0) return null;
  const text = strerror(errno);
  return {
    code: errnoName(errno),
    message: detail === null ? text : `${text}: ${detail}`,
  };
}

function encodingError(error: unknown): ChangeError {
  if (error instanceof NoSuchDevice) {
    return { code: "ENODEV", message: error.message };
  }
  if (error instanceof SystemError) {
    return { code: error.code, message: error.message };
  }
  if (
    error instanceof SyntaxError || error instanceof RangeError ||
    error instanceof TypeError
  ) {
    return { code: "EINVAL", message: error.message };
  }
  throw error;
}
