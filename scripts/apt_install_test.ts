import assert from "node:assert/strict";
import { aptInstall } from "./apt_install.ts";

/** A machine whose apt-get complains as given, install by install. */
function machine(
  installs: readonly string[],
  updates: readonly string[] = [],
) {
  const did: string[] = [];
  const left = { install: [...installs], update: [...updates] };
  let waited = 0;
  return {
    did,
    waited: () => waited,
    apt: {
      get(...args: readonly string[]) {
        const [verb = ""] = args;
        did.push(verb);
        const rest = left[verb as keyof typeof left];
        // The last complaint goes on for ever.
        const said = rest.length > 1 ? rest.shift() : rest[0];
        return Promise.resolve(said ?? "");
      },
      configure() {
        did.push("configure");
        return Promise.resolve("");
      },
      pause(seconds: number) {
        waited += seconds;
        return Promise.resolve();
      },
    },
  };
}

const LOCK = "E: Could not get lock /var/lib/apt/lists/lock. " +
  "It is held by process 77 (apt-get)";
const GONE = "E: Failed to fetch http://deb.example/e.deb  404  Not Found";

Deno.test("aptInstall() asks for no lists where it need not", async () => {
  const { apt, did } = machine([""]);
  assert.equal(await aptInstall(apt, ["etcd-server"]), "");
  assert.deepEqual(did, ["install"]);
});

Deno.test("aptInstall() reads the lists of a fresh machine", async () => {
  const { apt, did } = machine(["E: Unable to locate package etcd-server", ""]);
  assert.equal(await aptInstall(apt, ["etcd-server"]), "");
  assert.deepEqual(did, ["install", "update", "install"]);
});

Deno.test("aptInstall() outlasts another apt-get and a mirror's moods", async () => {
  const { apt, waited } = machine(
    [GONE, LOCK, LOCK, LOCK, LOCK, GONE, ""],
    [LOCK, LOCK, LOCK, LOCK, ""],
  );
  assert.equal(await aptInstall(apt, ["etcd-server"]), "");
  assert.ok(waited() >= 30, `${waited()} s`);
});

Deno.test("aptInstall() ends what an interrupted dpkg began", async () => {
  const { apt, did } = machine([
    "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'",
    "",
  ]);
  assert.equal(await aptInstall(apt, ["etcd-server"]), "");
  assert.deepEqual(did, ["install", "configure", "update", "install"]);
});

Deno.test("aptInstall() gives up, and says why", async () => {
  const { apt, waited } = machine([GONE], [LOCK]);
  assert.equal(await aptInstall(apt, ["etcd-server"]), `${GONE}\n${LOCK}`);
  assert.ok(waited() < 300, `${waited()} s`);
});
