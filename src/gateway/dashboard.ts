// Owns finding the files of the admin page. They are served as they lie in dashboard/: no bundler
// runs at start-up.

import { existsSync, readFileSync } from "node:fs";
import type { PageFile } from "./admin.ts";

const FILES = [
  ["/", "index.html", "text/html; charset=utf-8"],
  ["/dashboard.css", "dashboard.css", "text/css; charset=utf-8"],
  ["/dashboard.js", "dashboard.js", "text/javascript; charset=utf-8"],
  ["/dashboard-view.js", "dashboard-view.js", "text/javascript; charset=utf-8"],
  ["/dashboard-chart.js", "dashboard-chart.js", "text/javascript; charset=utf-8"],
  ["/icon.svg", "icon.svg", "image/svg+xml"],
] as const;

/**
 * The page's files by path. Empty where the package was installed without them; the admin API works
 * all the same.
 */
export function dashboardFiles(): ReadonlyMap<string, PageFile> {
  const directory = dashboardDirectory();
  if (directory === null) return new Map();
  return new Map(
    FILES.map(([path, file, type]) => {
      return [path, { type, content: readFileSync(new URL(file, directory), "utf8") }];
    }),
  );
}

/** The nearest dashboard/ above this file, from source or from build/js alike. */
function dashboardDirectory(): URL | null {
  for (let url = new URL(".", import.meta.url); ; url = new URL("..", url)) {
    const directory = new URL("dashboard/", url);
    if (existsSync(new URL("index.html", directory))) return directory;
    if (url.pathname === "/") return null;
  }
}
