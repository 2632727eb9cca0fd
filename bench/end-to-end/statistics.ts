// Owns the few statistics that the benchmark reports. Knows nothing of what was measured.

/** A median with its spread, over `count` rounds. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly firstQuartile: number;
  readonly thirdQuartile: number;
  readonly count: number;
}

/**
 * Linear interpolation between closest ranks; `fraction` in 0..1; the values need no order. NaN of
 * nothing.
 */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function summarise(values: readonly number[]): Summary {
  return {
    median: median(values),
    min: quantile(values, 0),
    max: quantile(values, 1),
    firstQuartile: quantile(values, 0.25),
    thirdQuartile: quantile(values, 0.75),
    count: values.length,
  };
}

/**
 * The ratio of two measurements, taken within each round and summarised over the rounds, so that a
 * machine that speeds up or slows down between rounds cancels out. Rounds that only one of the two
 * has are left out.
 */
export function pairedRatio(
  values: ReadonlyMap<number, number>,
  baseline: ReadonlyMap<number, number>,
): Summary {
  const ratios: number[] = [];
  for (const [round, value] of values) {
    const base = baseline.get(round);
    if (base !== undefined && base > 0) ratios.push(value / base);
  }
  return summarise(ratios);
}
