// Reads the Prometheus text format 0.0.4 strictly, so that tests see what a scraper sees. Throws on
// anything that the format does not allow.

interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  readonly types: ReadonlyMap<string, string>;
  readonly helps: ReadonlyMap<string, string>;
  /** The value of one series; undefined when there is none. */
  value(name: string, labels: Readonly<Record<string, string>>): number | undefined;
  /** Series of one name. */
  count(name: string): number;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

export function parseExposition(text: string): Exposition {
  if (!text.endsWith("\n")) throw new Error("the last line has no line feed");
  const types = new Map<string, string>();
  const helps = new Map<string, string>();
  const series = new Map<string, Line>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind = "", name = "", rest = ""] = comment;
      const known = kind === "TYPE" ? types : helps;
      if (known.has(name)) throw new Error(`a second ${kind} line for ${name}`);
      known.set(name, rest);
      continue;
    }
    const sample = parseSample(line);
    const key = seriesKey(sample.name, sample.labels);
    if (series.has(key)) throw new Error(`a second sample of ${key}`);
    series.set(key, sample);
  }
  return {
    types,
    helps,
    value: (name, labels) => series.get(seriesKey(name, labels))?.value,
    count: (name) => [...series.values()].filter((line) => line.name === name).length,
  };
}

function parseSample(line: string): Line {
  const match = SAMPLE.exec(line);
  if (match === null) throw new Error(`not a sample: ${line}`);
  const [, name = "", pairs = "", value = ""] = match;
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < pairs.length) {
    const pair = LABEL.exec(pairs);
    if (pair === null) throw new Error(`not labels: ${pairs}`);
    const [, label = "", escaped = ""] = pair;
    labels[label] = escaped.replace(/\\(.)/g, (_, unit: string) => (unit === "n" ? "\n" : unit));
  }
  const number = value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value);
  if (Number.isNaN(number) && value !== "NaN") throw new Error(`not a value: ${line}`);
  return { name, labels, value: number };
}

function seriesKey(name: string, labels: Readonly<Record<string, string>>): string {
  return JSON.stringify([name, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}
