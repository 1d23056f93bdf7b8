import assert from "node:assert/strict";
import "../tests/support/load_libc.ts";
import { libc } from "./libc.ts";
import { errnoName, SystemError } from "./system_error.ts";

Deno.test("SystemError names the operation, the error and the detail", () => {
  const error = new SystemError("add route", 101, "no gateway");
  assert.equal(
    error.message,
    "Cannot add route: ENETUNREACH (Network is unreachable: no gateway)",
  );
  assert.equal(error.code, "ENETUNREACH");
  assert.equal(error.errno, 101);
  assert.equal(error.operation, "add route");
  assert.equal(error.name, "SystemError");
});

Deno.test("SystemError takes errno when no number is given", () => {
  libc().close(-1);
  assert.equal(
    new SystemError("close socket").message,
    "Cannot close socket: EBADF (Bad file descriptor)",
  );
});

Deno.test("errnoName() gives the kernel's name where a number has two", () => {
  assert.equal(errnoName(11), "EAGAIN");
  assert.equal(errnoName(95), "EOPNOTSUPP");
  assert.equal(errnoName(16), "EBUSY");
  assert.equal(errnoName(4095), "E4095");
});
