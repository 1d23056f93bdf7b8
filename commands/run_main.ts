import type { FlandocContext } from "./context.ts";
import { AGENT_FLAGS, type FlagValues, givenFlags } from "./flannel_flags.ts";
import type { RunFlags } from "./run.ts";
