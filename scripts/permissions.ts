import { ENVIRONMENT, PROGRAMS } from "../snapshot/inputs.ts";

/**
 * The least that works, for `deno compile` and the portable form. Network is
 * open, since endpoints and peers are the user's; reading is open, since
 * `/proc`, certificates and unit files can be anywhere; writing is subnet.env,
 * the journal, drop-ins and the lab. Programs and variables are named.
 */
export const PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-ffi",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-sys",
  `--allow-run=${PROGRAMS.join(",")}`,
  `--allow-env=${ENVIRONMENT.join(",")}`,
];
