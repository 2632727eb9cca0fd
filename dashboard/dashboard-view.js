// Owns how numbers, tiles and tables look. Text only ever becomes text: what a route is called
// cannot become markup.

/** @typedef {string | number | {text: string, kind: "good" | "bad" | "left"}} Cell */

/** @param {number} value */
export function count(value) {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

/** @param {number} value */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let rest = value;
  let unit = 0;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(rest) : rest.toFixed(rest < 10 ? 1 : 0)} ${units[unit]}`;
}

/** @param {number | null} ratio */
export function percent(ratio) {
  return ratio === null ? "–" : `${(ratio * 100).toFixed(ratio > 0.999 && ratio < 1 ? 2 : 1)} %`;
}

/** @param {number | null | undefined} ms */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
  return `${(ms / 1000).toFixed(2)} s`;
}

/** @param {number} seconds */
export function age(seconds) {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

/** @param {string} name @param {string} value @param {string} note */
export function tile(name, value, note) {
  const element = document.createElement("div");
  element.className = "tile";
  element.append(textElement("h3", name), textElement("strong", value), textElement("span", note));
  return element;
}

/**
 * A table; the first cell of a row is its heading. `empty` is said where there are no rows.
 * @param {readonly string[]} headings @param {readonly (readonly Cell[])[]} rows @param {string} empty
 */
export function table(headings, rows, empty) {
  if (rows.length === 0) {
    const note = textElement("p", empty);
    note.className = "empty";
    return note;
  }
  const head = document.createElement("tr");
  head.append(...headings.map((text) => scoped(textElement("th", text), "col")));
  const body = document.createElement("tbody");
  for (const cells of rows) {
    const row = document.createElement("tr");
    row.append(...cells.map((cell, index) => cellElement(cell, index === 0)));
    body.append(row);
  }
  const thead = document.createElement("thead");
  thead.append(head);
  const element = document.createElement("table");
  element.append(thead, body);
  return element;
}

/** @param {Cell} cell @param {boolean} isHeading */
function cellElement(cell, isHeading) {
  const text = typeof cell === "object" ? cell.text : String(cell);
  const element = isHeading ? scoped(textElement("th", text), "row") : textElement("td", text);
  if (typeof cell === "object") element.className = cell.kind;
  return element;
}

/** @param {HTMLElement} element @param {string} scope */
function scoped(element, scope) {
  element.setAttribute("scope", scope);
  return element;
}

/** @param {string} name @param {string} text */
function textElement(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}
