// Owns functions that share no compiled code with any other. Two subjects made from one function
// literal also share what the engine has learned of its calls: with two engines behind one call it
// inlines neither, which a program with one engine does not pay.

type Numeric = (count: number) => number;

/** A function of no arguments with this body, in which `names` are known. */
export function fresh(names: Readonly<Record<string, unknown>>, body: string): () => number {
  return compiled(names, `() => { ${body} }`) as () => number;
}

/**
 * Runs `statement` and adds `value` up so often, in a loop of its own; the sum depends on every
 * result.
 */
export function freshLoop(
  names: Readonly<Record<string, unknown>>,
  value: string,
  statement = "",
): Numeric {
  const body = `${statement} sum = (sum + ${value}) | 0;`;
  const loop = `let sum = 0; for (let at = 0; at < count; at++) { ${body} } return sum;`;
  return compiled(names, `(count) => { ${loop} }`) as Numeric;
}

/** The names become constants: what a variable holds may change, so that a call of it is a guess. */
function compiled(names: Readonly<Record<string, unknown>>, source: string): unknown {
  const constants = `const { ${Object.keys(names).join(", ")} } = names;`;
  // oxlint-disable-next-line typescript/no-implied-eval
  const factory = new Function("names", `${constants} return ${source};`) as (
    names: Readonly<Record<string, unknown>>,
  ) => unknown;
  return factory(names);
}
