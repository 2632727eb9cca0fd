// Owns filling the list of work from what the command line names: files, standard input, sitemaps
// and what they refer to. Sitemaps come through the gateway, as their pages will: nothing is asked
// of any other host.

import { createReadStream } from "node:fs";
import { readTarget, linesOf, readLine } from "./url-list.ts";
import { readSitemap, SitemapError } from "./sitemap.ts";
import type { WarmTarget, WorkList } from "./work-list.ts";

/** As many as an index may name. */
const SITEMAPS_MAX = 50_000;

export interface SourceSteps {
  /** The content of a sitemap, through the gateway; rejects with a SitemapError without one. */
  fetch(target: WarmTarget): Promise<AsyncIterable<Uint8Array>>;
  /** Something could not be read; what it was, and why. */
  failed(what: string, why: string): void;
  /** A page of a host that the sitemap may not speak for. */
  foreign(url: string): void;
}

export interface SourceOptions {
  /** Files of URLs; "-" is standard input. */
  readonly lists: readonly string[];
  /** URLs or files. */
  readonly sitemaps: readonly string[];
  /** The host of paths. */
  readonly host: string;
  /** What sitemaps may name besides their own host. */
  readonly hosts: ReadonlySet<string>;
}

/** Resolves when everything was read. Rejects with the system's error for a file. */
export async function readSources(
  { lists, sitemaps, host, hosts }: SourceOptions,
  work: WorkList,
  steps: SourceSteps,
): Promise<void> {
  for (const list of lists) {
    const name = list === "-" ? "standard input" : list;
    const chunks = list === "-" ? process.stdin : createReadStream(list);
    let number = 0;
    for await (const line of linesOf(chunks)) {
      number++;
      const reading = readLine(line, host);
      if (reading === null) continue;
      if ("problem" in reading) steps.failed(`${name}:${number}`, reading.problem);
      else work.add(reading);
    }
  }
  const reader = new SitemapSources(work, steps, hosts);
  for (const sitemap of sitemaps) await reader.read(sitemap);
}

class SitemapSources {
  readonly #work: WorkList;
  readonly #steps: SourceSteps;
  readonly #hosts: ReadonlySet<string>;
  readonly #known = new Set<string>();

  constructor(work: WorkList, steps: SourceSteps, hosts: ReadonlySet<string>) {
    this.#work = work;
    this.#steps = steps;
    this.#hosts = hosts;
  }

  /** A sitemap, and those that it names: an index names no index. */
  async read(name: string): Promise<void> {
    const named = await this.#readOne(name);
    for (const location of named) {
      const deeper = await this.#readOne(location);
      if (deeper.length > 0) this.#steps.failed(location, "an index of sitemaps within an index");
    }
  }

  async #readOne(name: string): Promise<string[]> {
    if (this.#known.has(name) || this.#known.size >= SITEMAPS_MAX) return [];
    this.#known.add(name);
    const sitemaps: string[] = [];
    try {
      const isUrl = /^https?:\/\//i.test(name);
      const target = isUrl ? readTarget(name) : null;
      if (target !== null && "problem" in target) throw new SitemapError(target.problem);
      const content = target === null ? createReadStream(name) : await this.#steps.fetch(target);
      for await (const { kind, location } of readSitemap(content)) {
        const found = readTarget(location);
        if ("problem" in found) this.#steps.failed(name, found.problem);
        else if (!this.#isAllowed(found, target)) this.#steps.foreign(location);
        else if (kind === "page") this.#work.add(found);
        else if (sitemaps.length < SITEMAPS_MAX) sitemaps.push(location);
      }
    } catch (error) {
      if (!(error instanceof SitemapError)) throw error;
      this.#steps.failed(name, error.message);
    }
    return sitemaps;
  }

  /** A sitemap speaks for its own host (sitemaps.org); a file's is the operator's word. */
  #isAllowed({ authority }: WarmTarget, sitemap: WarmTarget | null): boolean {
    return sitemap === null || authority === sitemap.authority || this.#hosts.has(authority);
  }
}
