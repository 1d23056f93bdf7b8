import * as k from "./constants.ts";
import type { MessageReader } from "./message_reader.ts";

/** An acknowledgement or an error, `NLMSG_ERROR` or `NLMSG_DONE`. */
export interface KernelAnswer {
  /** Positive error number; 0 for an acknowledgement. */
  readonly errno: number;
  /** The kernel's extended acknowledgement, or null. */
  readonly detail: string | null;
}

/** `struct nlmsgerr` up to the message it answers. */
const ERROR_HEADER = 4;
const MESSAGE_HEADER = 16;

/**
 * Reads what an `NLMSG_ERROR` or `NLMSG_DONE` says. Behind the number an error
 * repeats the request, header only when capped; then come the attributes of
 * the extended acknowledgement, if any.
 */
export function readAnswer(message: MessageReader): KernelAnswer {
  // A dump ends with a bare DONE on some old kernels.
  if (message.bodyLength < ERROR_HEADER) return { errno: 0, detail: null };
  const errno = Math.abs(message.i32(0));
  const detail = (message.flags & k.NLM_F_ACK_TLVS) === 0
    ? null
    : readDetail(message, attributesAt(message));
  return { errno, detail };
}

function attributesAt(message: MessageReader): number {
  if (message.type === k.NLMSG_DONE) return ERROR_HEADER;
  if ((message.flags & k.NLM_F_CAPPED) !== 0) {
    return ERROR_HEADER + MESSAGE_HEADER;
  }
  return ERROR_HEADER + ((message.u32(ERROR_HEADER) + 3) & ~3);
}

function readDetail(message: MessageReader, from: number): string | null {
  const attributes = message.attributes(from);
  while (attributes.next()) {
    if (attributes.type === k.NLMSGERR_ATTR_MSG) return attributes.text();
  }
  return null;
}
