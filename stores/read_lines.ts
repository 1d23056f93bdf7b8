/** Longer lines are nothing a store sends, characters. */
const LIMIT = 256 * 1024 * 1024;

/**
 * Lines of a stream, without their ends; empty ones are left out. What comes
 * after the last end of line is a line too.
 *
 * @throws {RangeError} for a line without end.
 */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  // Pieces of the line that is not complete yet: joined once, not each time,
  // for a line may come in thousands of pieces.
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const parts = decoder.decode(chunk, { stream: true }).split("\n");
    const last = parts.pop() ?? "";
    for (const part of parts) {
      const line = pieces.join("") + part;
      pieces = [];
      length = 0;
      if (line.trim() !== "") yield line;
    }
    if (last !== "") pieces.push(last);
    length += last.length;
    if (length > LIMIT) {
      throw new RangeError(`Cannot read line: more than ${LIMIT} characters`);
    }
  }
  const rest = pieces.join("") + decoder.decode();
  if (rest.trim() !== "") yield rest;
}
