/**
 * Says that it runs, and crashes.
 *
 * @module
 */
const scope = globalThis as unknown as Worker;

scope.onmessage = () => {
  scope.postMessage({ type: "running" });
  throw new Error("crashes on purpose");
};
