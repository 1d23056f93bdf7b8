/** Flags of every command that writes for people. */
export const TEXT_FLAGS = {
  lang: {
    kind: "enum",
    values: ["en", "zh"],
    brief: "Language of the texts (default: from LC_ALL, LANG)",
    optional: true,
  },
  color: {
    kind: "boolean",
    brief: "Colour, also without a terminal (--no-color: never)",
    optional: true,
  },
} as const;
