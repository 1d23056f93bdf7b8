import assert from "node:assert/strict";
import { temporaryDirectory } from "../tests/support/temporary_directory.ts";
import { ReloadingClient } from "./reloading_client.ts";

/** A client of one file, which is of no use while it says so. */
function setUp() {
  const directory = temporaryDirectory();
  const file = `${directory.path}/a.pem`;
  const make = () => {
    if (Deno.readTextFileSync(file) === "bad") throw new Error("of no use");
    return Deno.createHttpClient({});
  };
  const open = () => new ReloadingClient({ files: [file], make, checkMs: 0 });
  const write = (text: string) => Deno.writeTextFileSync(file, text);
  return { directory, write, open };
}

Deno.test("ReloadingClient is made anew when its files change", () => {
  const { directory, write, open } = setUp();
  using _directory = directory;
  write("one");
  const client = open();
  const first = client.get();
  assert.equal(client.get(), first);
  write("three");
  const second = client.get();
  assert.notEqual(second, first);
  write("bad");
  assert.equal(client.get(), second, "a bad file changes nothing");
  write("at last");
  assert.notEqual(client.get(), second);
  client.close();
});

Deno.test("ReloadingClient says what is wrong until it is mended", () => {
  const { directory, write, open } = setUp();
  using _directory = directory;
  write("bad");
  const client = open();
  assert.throws(() => client.get(), /of no use/);
  write("good");
  client.get();
  client.close();
  assert.throws(() => client.get(), /closed/);
});
