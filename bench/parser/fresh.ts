// Owns functions that share no compiled code with any other. Two subjects made from one function
// literal also share what the engine has learned of its calls: with two engines behind one call it
// inlines neither, which a program with one engine does not pay.

type Numeric = (count: number) => number;

/** A function of no arguments with this body, in which `names` are known. */
export function fresh(names: Readonly<Record<string, unknown>>, body: string): () => number {
  return compiled(names, `() => { ${body} }`) as () => number;
}

/** Calls `run` so often, in a loop of its own; the sum depends on every result. */
export function freshLoop(run: () => number): Numeric {
  const body =
    "let sum = 0; for (let at = 0; at < count; at++) sum = (sum + run()) | 0; return sum;";
  return compiled({ run }, `(count) => { ${body} }`) as Numeric;
}

function compiled(names: Readonly<Record<string, unknown>>, source: string): unknown {
  // oxlint-disable-next-line typescript/no-implied-eval
  const factory = new Function(...Object.keys(names), `return ${source};`) as (
    ...values: unknown[]
  ) => unknown;
  return factory(...Object.values(names));
}
