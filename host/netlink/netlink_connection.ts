import { SystemError } from "../system_error.ts";
import * as k from "./constants.ts";
import { readAnswer } from "./error_message.ts";
import { MessageBuilder } from "./message_builder.ts";
import { MessageReader } from "./message_reader.ts";
import { NetlinkSocket } from "./netlink_socket.ts";

const EINTR = 4;
const ENOBUFS = 105;
const ETIMEDOUT = 110;

/** How often an interrupted dump is begun again before it is given up. */
const DUMP_ATTEMPTS = 20;

/** A dump to ask for. */
export interface DumpRequest {
  /** `RTM_GET…`. */
  readonly type: number;
  /** Address family number in the first byte of the header. */
  readonly family: number;
  /** Bytes of the fixed header, zero but for the family. */
  readonly headerSize: number;
  /** Writes attributes after the header. */
  readonly attributes?: (builder: MessageBuilder) => void;
}

/** A batch whose answers are not all there yet. */
interface Pending {
  readonly first: number;
  readonly count: number;
  readonly onAnswer: (position: number, message: MessageReader) => void;
  /** Whether the last message was answered. */
  isAnswered: boolean;
  /** Whether no answer can have been lost. */
  isSound: boolean;
}

/** A batch to send, and who is told of its answers. */
export interface BatchRequest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Sequence number of the first message; the others follow. */
  readonly first: number;
  /** Messages in the batch. */
  readonly count: number;
  /** Called with each message's position and its answer. */
  readonly onAnswer: (position: number, message: MessageReader) => void;
  /** Whether another thread waits for the kernel, not this one. */
  readonly aside: boolean;
}

/**
 * A `NETLINK_ROUTE` socket that asks and gets answers: dumps, single requests
 * and batches. Synchronous, but for batches that are sent aside: their answers
 * are told apart from those to other questions. Answers to earlier questions
 * are dropped.
 */
export class NetlinkConnection implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #pending = new Set<Pending>();
  #sequence = 0;

  constructor(netns?: string) {
    this.#socket = new NetlinkSocket({
      protocol: k.NETLINK_ROUTE,
      ...(netns === undefined ? {} : { netns }),
    });
  }

  /** Whether dump requests are checked strictly. */
  get strict(): boolean {
    return this.#socket.strict;
  }

  /** `nlmsg_pid` of the events this connection causes. */
  get port(): number {
    return this.#socket.port;
  }

  /** Sets sequence numbers aside for a batch; returns the first. */
  reserve(count: number): number {
    const first = (this.#sequence + 1) >>> 0;
    this.#sequence = (this.#sequence + count) >>> 0;
    return first;
  }

  /**
   * Dumps objects; `decode` returns null for messages that are not wanted.
   * What was collected from a dump the kernel calls inconsistent
   * (`NLM_F_DUMP_INTR`) or lost a part of is thrown away and asked for again.
   */
  dump<T>(
    request: DumpRequest,
    decode: (message: MessageReader) => T | null,
  ): T[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const result = this.#dumpOnce(request, decode);
      if (result !== null) return result;
    }
    throw new SystemError(
      `dump netlink objects of type ${request.type}`,
      EINTR,
      `the state changed during each of ${DUMP_ATTEMPTS} attempts`,
    );
  }

  /**
   * Sends one request that is answered by one message.
   *
   * @param operation For the error: completes "Cannot …".
   */
  ask<T>(
    operation: string,
    encode: (builder: MessageBuilder, seq: number) => void,
    decode: (message: MessageReader) => T | null,
  ): T | null {
    const seq = this.reserve(1);
    const builder = new MessageBuilder();
    encode(builder, seq);
    this.#socket.send(builder.bytes());
    for (;;) {
      const datagram = this.#socket.receive(true);
      if (datagram === "empty") throw new SystemError(operation, ETIMEDOUT);
      if (datagram === "overrun") {
        this.#noteOverrun();
        throw new SystemError(operation, ENOBUFS);
      }
      const message = new MessageReader(datagram);
      while (message.next()) {
        if (message.seq !== seq) {
          this.#noteAnswer(message);
          continue;
        }
        if (message.type !== k.NLMSG_ERROR) return decode(message);
        const { errno, detail } = readAnswer(message);
        if (errno === 0) return null;
        throw new SystemError(operation, errno, detail ?? undefined);
      }
    }
  }

  /**
   * Sends a batch and reads the answers. The kernel has worked through the
   * batch when the send returns, so that nothing is waited for.
   *
   * @returns whether no answer was lost (`ENOBUFS`), told by the last message's
   */
  async acknowledge(
    { bytes, aside, ...request }: BatchRequest,
  ): Promise<boolean> {
    const pending = { ...request, isAnswered: false, isSound: true };
    this.#pending.add(pending);
    try {
      if (aside) await this.#socket.sendAside(bytes);
      else this.#socket.send(bytes);
      this.#readAnswers();
      return pending.isSound && pending.isAnswered;
    } finally {
      this.#pending.delete(pending);
    }
  }

  /** Reads the answers that are there. */
  #readAnswers(): void {
    for (;;) {
      const datagram = this.#socket.receive(false);
      if (datagram === "empty") return;
      if (datagram === "overrun") {
        this.#noteOverrun();
        continue;
      }
      const message = new MessageReader(datagram);
      while (message.next()) this.#noteAnswer(message);
    }
  }

  #noteOverrun(): void {
    for (const pending of this.#pending) pending.isSound = false;
  }

  /** Hands an answer to the batch that it belongs to. */
  #noteAnswer(message: MessageReader): void {
    if (message.type !== k.NLMSG_ERROR) return;
    for (const pending of this.#pending) {
      const { first, count, onAnswer } = pending;
      const position = (message.seq - first) >>> 0;
      if (position >= count) continue;
      if (position === count - 1) pending.isAnswered = true;
      return onAnswer(position, message);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #dumpOnce<T>(
    request: DumpRequest,
    decode: (message: MessageReader) => T | null,
  ): T[] | null {
    const seq = this.reserve(1);
    this.#socket.send(encodeDump(request, seq));
    const operation = `dump netlink objects of type ${request.type}`;
    const result: T[] = [];
    let sound = true;
    for (;;) {
      const datagram = this.#socket.receive(true);
      if (datagram === "empty") throw new SystemError(operation, ETIMEDOUT);
      if (datagram === "overrun") {
        this.#noteOverrun();
        sound = false;
        continue;
      }
      const message = new MessageReader(datagram);
      while (message.next()) {
        if (message.seq !== seq) {
          this.#noteAnswer(message);
          continue;
        }
        if ((message.flags & k.NLM_F_DUMP_INTR) !== 0) sound = false;
        switch (message.type) {
          case k.NLMSG_NOOP:
            break;
          case k.NLMSG_OVERRUN:
            sound = false;
            break;
          case k.NLMSG_DONE:
          case k.NLMSG_ERROR: {
            const { errno, detail } = readAnswer(message);
            if (errno === 0) return sound ? result : null;
            if (errno === EINTR) return null;
            throw new SystemError(operation, errno, detail ?? undefined);
          }
          default: {
            const item = decode(message);
            if (item !== null) result.push(item);
          }
        }
      }
    }
  }
}

function encodeDump(
  request: DumpRequest,
  seq: number,
): Uint8Array<ArrayBuffer> {
  const builder = new MessageBuilder();
  const header = new Uint8Array(request.headerSize);
  header[0] = request.family;
  builder.begin(request.type, k.NLM_F_REQUEST | k.NLM_F_DUMP, seq).raw(header);
  request.attributes?.(builder);
  return builder.end().bytes();
}
