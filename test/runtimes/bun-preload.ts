// Preloaded into Bun: "vitest" is vitest-stand-in.ts.

interface Builder {
  module(name: string, load: () => { exports: object; loader: "object" }): void;
}

declare const Bun: {
  plugin(plugin: { name: string; setup: (builder: Builder) => void }): void;
};

const exports = await import("./vitest-stand-in.ts");

Bun.plugin({
  name: "vitest-stand-in",
  setup: (builder) => builder.module("vitest", () => ({ exports, loader: "object" })),
});
