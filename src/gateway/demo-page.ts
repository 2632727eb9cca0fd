// Owns the index page of the demo origin: HTML from a list, everything in it escaped.

import type { DemoPage } from "./demo-origin.ts";

/**
 * The page that lists what there is to try. `host` is what the client sent, and is not to be
 * trusted.
 */
export function demoIndex(host: string, pages: readonly DemoPage[]): string {
  const items = pages.map(({ path, about }) => {
    const command = `curl -i ${path === "/events" ? "-N " : ""}'http://${host}${path}'`;
    const output = path.startsWith("/large") ? " -o /dev/null" : "";
    return [
      `<li><a href="${escapeHtml(path)}">${escapeHtml(path)}</a>`,
      `<span>${escapeHtml(about)}</span>`,
      `<pre tabindex="0">${escapeHtml(command + output)}</pre></li>`,
    ].join("\n");
  });
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8"><title>edgelane demo</title>',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(ICON)}">`,
    `<style>${STYLE}</style></head><body>`,
    "<h1>edgelane is running</h1>",
    "<p>These pages come from a built-in demo origin, through the gateway and its cache.",
    "Look at the <code>Cache-Status</code> field of each response.</p>",
    "<ul>",
    ...items,
    "</ul>",
    "<p>What they do to the gateway is on the dashboard: its address is in the terminal,",
    '<a href="http://localhost:9180/">http://localhost:9180/</a> unless you chose another.</p>',
    "<p>For an origin of your own: <code>edgelane http://localhost:3000</code></p>",
    "</body></html>",
    "",
  ].join("\n");
}

/** So that browsers need not ask for one: the demo is to show requests of those who look at it. */
const ICON = [
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">',
  '<rect width="16" height="16" rx="4" fill="#3b6fe0"/>',
  '<path d="M3.5 5h6M3.5 8h9M3.5 11h6" stroke="#fff" stroke-width="1.6"/></svg>',
].join("");

/** The colours are the dashboard's. */
const STYLE = [
  ":root{color-scheme:light dark;--page:light-dark(#f6f7f9,#14161a);",
  "--card:light-dark(#fff,#1c1f25);--line:light-dark(#dfe3e8,#2f343d);",
  "--text:light-dark(#1b1f24,#e4e7eb);--link:light-dark(#2b62d9,#7ba4ff)}",
  "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:2rem 1rem 3rem;",
  "background:var(--page);color:var(--text)}a{color:var(--link)}",
  "ul{list-style:none;margin:1.5rem 0;padding:0;display:grid;gap:.75rem}",
  "li{min-width:0;padding:.75rem 1rem;background:var(--card);border:1px solid var(--line);",
  "border-radius:8px}li a{font-weight:600;margin-right:.5rem;overflow-wrap:anywhere}",
  "pre{margin:.5rem 0 0;font-size:.85rem;overflow-x:auto}",
].join("");

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
