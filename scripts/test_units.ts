/**
 * The tests in parts that may run side by side: most of their time is waiting
 * for the programs they prove.
 *
 * @module
 */

/** End-to-end tests, a part for each file. */
const E2E = "tests/e2e";

/** Directories that take minutes and are parts of their own. */
const LONG = ["agent", "stores", "lab", "host"];

/** Longest first, so that no part is left running alone at the end. */
const FIRST = [
  `${E2E}/faults_test.ts`,
  `${E2E}/agent_network_test.ts`,
  `${E2E}/agent_kill_test.ts`,
  `${E2E}/bad_input_test.ts`,
];

/** Arguments of one `deno test`. */
export type TestUnit = readonly string[];

/**
 * The parts that together run what `deno test` with these arguments runs.
 * Without any, all tests; `tests/e2e` becomes its files; anything else is one
 * part as it is.
 *
 * @param e2eFiles names of the files in `tests/e2e`
 */
export function testUnits(
  args: readonly string[],
  e2eFiles: readonly string[],
): TestUnit[] {
  const whole = args.length === 0;
  const [only] = args;
  if (!whole && (args.length > 1 || only?.replace(/\/$/, "") !== E2E)) {
    return [args];
  }
  const files = e2eFiles.filter((name) => name.endsWith("_test.ts"))
    .map((name) => `${E2E}/${name}`);
  const first = FIRST.filter((file) => files.includes(file));
  const rest = files.filter((file) => !first.includes(file)).sort();
  const e2e = [...first, ...rest].map((file) => [file]);
  if (!whole) return e2e;
  return [
    ...e2e,
    ...LONG.map((directory) => [directory]),
    [`--ignore=${[...LONG, E2E].join(",")}`],
  ];
}
