/**
 * Loads the functions of `host/raw_files.ts` when a test file is loaded, for
 * the same reason as `load_libc.ts`: Deno 2.7 takes a library that a test
 * loads, and that stays, for a leak of that test.
 *
 * @module
 */
import "./load_libc.ts";
import { listDirectory } from "../../host/raw_files.ts";

listDirectory("/");
