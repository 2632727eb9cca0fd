// Owns the line charts: the last five minutes of one or two series as SVG. Knows nothing of what
// they show.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 100;
const LINES = /** @type {const} */ (["first", "second"]);

/**
 * One chart: a title, a name for each series, a formatter for its scale, and the largest value
 * where it is fixed.
 */
export class Chart {
  /**
   * @param {{title: string, series: readonly string[], format: (value: number) => string, max?: number}} options
   * @param {number} pointsMax
   */
  constructor(options, pointsMax) {
    this.options = options;
    this.pointsMax = pointsMax;
    /** @type {(number | null)[][]} */
    this.points = options.series.map(() => []);
    this.element = document.createElement("figure");
    this.element.className = "chart";
  }

  /**
   * Adds one point to each series; null leaves a gap. @param {readonly (number | null)[]} values
   */
  add(values) {
    this.points.forEach((points, index) => {
      points.push(values[index] ?? null);
      if (points.length > this.pointsMax) points.shift();
    });
    this.draw();
  }

  draw() {
    const { title, series, format } = this.options;
    const known = this.points.flat().filter((value) => value !== null);
    const top = this.options.max ?? niceCeiling(Math.max(0, ...known));
    const heading = document.createElement("h3");
    heading.append(title);
    if (series.length > 1) {
      series.forEach((name, index) => {
        const key = document.createElement("span");
        key.className = `key ${LINES[index]}`;
        key.append(name);
        heading.append(key);
      });
    }
    const height = document.createElement("span");
    height.className = "top";
    height.append(format(top));
    heading.append(height);
    const svg = svgElement("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${title}, last five minutes, up to ${format(top)}`,
    });
    for (const y of [0.5, HEIGHT / 2, HEIGHT - 0.5]) {
      svg.append(
        svgElement("line", { class: "grid", x1: "0", x2: `${WIDTH}`, y1: `${y}`, y2: `${y}` }),
      );
    }
    this.points.forEach((points, index) => {
      svg.append(svgElement("path", { class: LINES[index] ?? "", d: this.line(points, top) }));
    });
    const scale = document.createElement("figcaption");
    scale.className = "scale";
    const from = document.createElement("span");
    from.append("5 min ago");
    const now = document.createElement("span");
    now.append("now");
    scale.append(from, now);
    this.element.replaceChildren(heading, svg, scale);
  }

  /** @param {readonly (number | null)[]} points @param {number} top */
  line(points, top) {
    const step = WIDTH / (this.pointsMax - 1);
    const start = this.pointsMax - points.length;
    let isOpen = false;
    let path = "";
    points.forEach((value, index) => {
      if (value === null) {
        isOpen = false;
        return;
      }
      const x = ((start + index) * step).toFixed(1);
      const y = (HEIGHT - 1 - (Math.min(value, top) / top) * (HEIGHT - 2)).toFixed(1);
      path += `${isOpen ? "L" : "M"}${x} ${y}`;
      isOpen = true;
    });
    return path;
  }
}

/** The next of 1, 2, 5, 10, … @param {number} value */
function niceCeiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((step) => value <= step * power) ?? 10;
  return factor * power;
}

/** @param {string} name @param {Record<string, string>} attributes */
function svgElement(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
