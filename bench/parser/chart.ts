// Draws the parser's chart for the docs: for each head a bar for each parser, in nanoseconds a
// byte. Knows no measurement; plain SVG that needs no script and reads on light and dark pages.

export interface Bar {
  readonly group: string;
  readonly subject: string;
  readonly value: number;
}

const COLORS: Readonly<Record<string, string>> = {
  wasm: "#2f81f7",
  typescript: "#d29922",
  llhttp: "#8b949e",
};
const WIDTH = 760;
const LABEL_WIDTH = 190;
const VALUE_WIDTH = 60;
const BAR_HEIGHT = 12;
const GROUP_GAP = 14;
const TOP = 56;

/** `bars` come group by group; the longest bar fills the width. */
export function barChart(title: string, subtitle: string, bars: readonly Bar[]): string {
  const max = Math.max(...bars.map(({ value }) => value));
  const parts: string[] = [];
  let y = TOP;
  let group = "";
  for (const bar of bars) {
    if (bar.group !== group) {
      if (group !== "") y += GROUP_GAP;
      group = bar.group;
      parts.push(text(LABEL_WIDTH - 10, y + BAR_HEIGHT - 1, group, "end"));
    }
    const width = Math.max(1, (bar.value / max) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH));
    const color = COLORS[bar.subject] ?? "#8b949e";
    parts.push(
      `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" ` +
        `height="${BAR_HEIGHT - 2}" fill="${color}"/>`,
      text(LABEL_WIDTH + width + 6, y + BAR_HEIGHT - 3, bar.value.toFixed(2), "start"),
    );
    y += BAR_HEIGHT;
  }
  const legend = Object.entries(COLORS).map(
    ([name, color], index) =>
      `<rect x="${LABEL_WIDTH + index * 110}" y="${y + 20}" width="10" height="10" ` +
      `fill="${color}"/>${text(LABEL_WIDTH + 16 + index * 110, y + 29, name, "start")}`,
  );
  const height = y + 44;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" ` +
      `font-family="sans-serif" font-size="11" fill="#6e7681">`,
    `<title>${escape(title)}</title>`,
    `<text x="10" y="20" font-size="15" font-weight="bold">${escape(title)}</text>`,
    text(10, 38, subtitle, "start"),
    ...parts,
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}

function text(x: number, y: number, content: string, anchor: "start" | "end"): string {
  return `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}">${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
