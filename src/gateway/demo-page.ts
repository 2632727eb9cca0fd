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
      `<li><a href="${escapeHtml(path)}">${escapeHtml(path)}</a> ${escapeHtml(about)}`,
      `<pre>${escapeHtml(command + output)}</pre></li>`,
    ].join("\n");
  });
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8"><title>edgelane demo</title>',
    '<meta name="viewport" content="width=device-width">',
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;",
    "padding:0 1rem}pre{background:#8881;padding:.5rem;overflow:auto}</style></head><body>",
    "<h1>edgelane is running</h1>",
    "<p>These pages come from a built-in demo origin, through the gateway and its cache.",
    "Look at the <code>Cache-Status</code> field of each response.</p>",
    "<ul>",
    ...items,
    "</ul>",
    "<p>For an origin of your own: <code>edgelane http://localhost:3000</code></p>",
    "</body></html>",
    "",
  ].join("\n");
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
