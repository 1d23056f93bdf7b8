import assert from "node:assert/strict";
import { createLogger } from "./log.ts";

const now = () => new Date("2026-11-22T06:00:00Z");

Deno.test("createLogger() writes one line an event", () => {
  const lines: string[] = [];
  const log = createLogger({ now, write: (line) => lines.push(line) });
  log.info("Took a subnet", { subnet: "10.5.1.0/24", ttl: null, x: undefined });
  log.warning("two\n  lines", { error: 'say "no"', count: 3 });
  log.debug("not this");
  assert.deepEqual(lines, [
    "2026-11-22T06:00:00.000Z I Took a subnet subnet=10.5.1.0/24 ttl=null\n",
    '2026-11-22T06:00:00.000Z W two; lines error="say \\"no\\"" count=3\n',
  ]);
});

Deno.test("createLogger() writes JSON", () => {
  const lines: string[] = [];
  const log = createLogger({
    now,
    format: "json",
    level: "debug",
    write: (line) => lines.push(line),
  });
  log.debug("a\nb", { n: 1 });
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    { time: "2026-11-22T06:00:00.000Z", level: "debug", message: "a\nb", n: 1 },
  ]);
});
