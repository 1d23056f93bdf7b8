/**
 * Loads the C library before the first test, by import. It is kept for the
 * life of the process, which Deno 2.7 takes for a leak of the test that
 * happens to call it first.
 *
 * @module
 */
import { libc } from "../../host/libc.ts";
import { statusOf } from "../../host/raw_files.ts";

// Every function of it: each is opened when it is first asked for.
Object.values(libc());
statusOf("/proc");
