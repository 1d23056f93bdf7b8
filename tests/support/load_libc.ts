/**
 * Loads the C library when a test file is loaded. It stays open for the life
 * of a process, which Deno 2.7 takes for a leak of the test that loads it.
 *
 * @module
 */
import { libc } from "../../host/libc.ts";
import { readText } from "../../host/raw_files.ts";

// Every function of it: each is opened when it is first asked for.
Object.values(libc());
readText("/proc/self/stat");
