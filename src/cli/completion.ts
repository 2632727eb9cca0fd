// Owns `edgelane completion`: scripts for shells, made from the table of verbs.

import { nearestWord } from "../gateway/suggestion.ts";
import { EXIT, usageError } from "./exit-code.ts";
import type { ExitCode } from "./exit-code.ts";
import { GLOBAL_OPTIONS, VERBS } from "./verbs.ts";
import type { Invocation, Option, Verb } from "./verbs.ts";

const SHELLS: Readonly<Record<string, (verbs: readonly Verb[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export function run({ operands, terminal }: Invocation): ExitCode {
  const shells = Object.keys(SHELLS);
  const shell = operands[0];
  if (shell === undefined) throw usageError(`which shell: ${shells.join(", ")}?`);
  const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (script === undefined) {
    throw usageError(`no completion for "${shell}"`, nearestWord(shell, shells));
  }
  terminal.print(script(VERBS.filter((verb) => verb.load !== null)));
  return EXIT.ok;
}

function bashScript(verbs: readonly Verb[]): string {
  const cases = verbs.map((verb) => {
    const options = optionsOf(verb).map((option) => `--${option.name}`);
    return `    ${verb.name === "" ? "*" : verb.name}) words="${options.join(" ")}" ;;`;
  });
  // The case without a verb matches everything, so it comes last.
  const ordered = [...cases.slice(1), cases[0] ?? ""];
  return [
    "_edgelane() {",
    '  local current="${COMP_WORDS[COMP_CWORD]}" words',
    '  case "${COMP_WORDS[1]}" in',
    ...ordered,
    "  esac",
    `  if [ "$COMP_CWORD" -eq 1 ]; then words="$words ${namesOf(verbs).join(" ")}"; fi`,
    '  COMPREPLY=($(compgen -f -W "$words" -- "$current"))',
    "}",
    "complete -F _edgelane edgelane",
  ].join("\n");
}

function zshScript(verbs: readonly Verb[]): string {
  const described = verbs
    .filter((verb) => verb.name !== "")
    .map((verb) => `    '${verb.name}:${quote(verb.about)}'`);
  const cases = verbs.map((verb) => {
    const options = optionsOf(verb).map((option) => `'--${option.name}[${quote(option.about)}]'`);
    const name = verb.name === "" ? "*" : verb.name;
    return `    ${name}) _arguments ${options.join(" ")} '*:file:_files' ;;`;
  });
  return [
    "#compdef edgelane",
    "_edgelane() {",
    "  local -a verbs=(",
    ...described,
    "  )",
    "  if (( CURRENT == 2 )); then _describe verb verbs; fi",
    "  case $words[2] in",
    ...cases.slice(1),
    cases[0] ?? "",
    "  esac",
    "}",
    "compdef _edgelane edgelane",
  ].join("\n");
}

function fishScript(verbs: readonly Verb[]): string {
  return verbs
    .flatMap((verb) => {
      const first = "__fish_use_subcommand";
      const own = verb.name === "" ? first : `__fish_seen_subcommand_from ${verb.name}`;
      const options = optionsOf(verb).map((option) => {
        const short = option.short === undefined ? "" : ` -s ${option.short}`;
        const value = option.value === undefined ? "" : " -r";
        const about = quote(option.about);
        return `complete -c edgelane -n '${own}' -l ${option.name}${short}${value} -d '${about}'`;
      });
      if (verb.name === "") return options;
      const about = quote(verb.about);
      return [`complete -c edgelane -n '${first}' -a ${verb.name} -d '${about}'`, ...options];
    })
    .join("\n");
}

function optionsOf(verb: Verb): readonly Option[] {
  return [...verb.options, ...GLOBAL_OPTIONS];
}

function namesOf(verbs: readonly Verb[]): string[] {
  return verbs.map((verb) => verb.name).filter((name) => name !== "");
}

/** The texts of the table stand between single quotes and, in zsh, brackets. */
function quote(text: string): string {
  return text.replaceAll("'", "").replaceAll("[", "(").replaceAll("]", ")").replaceAll(":", " ");
}
