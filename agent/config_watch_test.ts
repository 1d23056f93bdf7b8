import assert from "node:assert/strict";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { eventually } from "../tests/support/agents.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { watchConfig } from "./config_watch.ts";
import { agentMetrics } from "./metrics.ts";

function config(network: string): NetworkConfig {
  return parseNetworkConfig(
    `{"Network":"${network}","Backend":{"Type":"host-gw"}}`,
  ).config!;
}

Deno.test("watchConfig() tells once of each other config", async () => {
  const log = quietLog();
  const metrics = agentMetrics();
  const stop = new AbortController();
  let now: NetworkConfig | null | Error = config("10.5.0.0/16");
  let asked = 0;
  const watching = watchConfig({
    manager: {
      currentConfig() {
        asked++;
        return now instanceof Error
          ? Promise.reject(now)
          : Promise.resolve(now);
      },
    },
    config: config("10.5.0.0/16"),
    log,
    metrics,
    signal: stop.signal,
    periodMs: 2,
  });
  const looks = async (value: typeof now, gauge: number) => {
    now = value;
    const before = asked;
    await eventually(() => asked, (count) => count > before + 2);
    assert.equal(metrics.value("flandoc_config_changed"), gauge);
  };
  await looks(config("10.5.0.0/16"), 0);
  await looks(new Error("away"), 0);
  await looks(config("10.6.0.0/16"), 1);
  await looks(null, 1);
  await looks(config("10.5.0.0/16"), 0);
  stop.abort();
  await watching;
  assert.deepEqual(
    log.lines.map((line) => line.replace(/^(.).* is=/, "$1 ")),
    [
      'E "10.6.0.0/16 /24 10.6.1.0-10.6.255.0 host-gw {\\"Type\\":\\"host-gw\\"}"',
      'E "gone or of no use"',
      "I The network config is again the one this agent works by",
    ],
  );
});
