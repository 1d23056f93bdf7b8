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

/**
 * A `NETLINK_ROUTE` socket that asks and gets answers: dumps, single requests
 * and batches. Synchronous; answers to earlier questions are dropped.
 */
export class NetlinkConnection implements Disposable {
  readonly #socket: NetlinkSocket;
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
      if (datagram === "overrun") throw new SystemError(operation, ENOBUFS);
      const message = new MessageReader(datagram);
      while (message.next()) {
        if (message.seq !== seq) continue;
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
   * @param first Sequence number of the first message; the others follow.
   * @param count Messages in the batch.
   * @param onAnswer Called with each message's position and its answer.
   * @returns whether no answer was lost (`ENOBUFS`), told by the last message's
   */
  acknowledge(
    batch: Uint8Array<ArrayBuffer>,
    first: number,
    count: number,
    onAnswer: (position: number, message: MessageReader) => void,
  ): boolean {
    this.#socket.send(batch);
    let sound = true;
    let isAnswered = false;
    for (;;) {
      const datagram = this.#socket.receive(false);
      if (datagram === "empty") return sound && isAnswered;
      if (datagram === "overrun") {
        sound = false;
        continue;
      }
      const message = new MessageReader(datagram);
      while (message.next()) {
        const position = (message.seq - first) >>> 0;
        if (message.type === k.NLMSG_ERROR && position < count) {
          if (position === count - 1) isAnswered = true;
          onAnswer(position, message);
        }
      }
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
        sound = false;
        continue;
      }
      const message = new MessageReader(datagram);
      while (message.next()) {
        if (message.seq !== seq) continue;
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
