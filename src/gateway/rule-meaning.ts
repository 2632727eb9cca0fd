// Owns what the name of a cache rule, as in the detail of Cache-Status, says to people. Pure.

import { RULES } from "../cache/policy/rules.ts";

/** The rule's sentence with its RFC section; the name itself where it is no rule of the cache. */
export function meaningOf(name: string): string {
  if (!Object.hasOwn(RULES, name)) return name;
  const { text, section } = RULES[name as keyof typeof RULES];
  return section.startsWith("RFC") ? `${text} (${section})` : text;
}
