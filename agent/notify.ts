import { sdNotify } from "../host/sd_notify.ts";
import type { Logger } from "./log.ts";

/** Tells the service manager; that it cannot be told stops nobody. */
export function notify(socket: string, message: string, log: Logger): void {
  try {
    sdNotify(socket, message);
  } catch (error) {
    log.warning(error instanceof Error ? error.message : String(error));
  }
}
