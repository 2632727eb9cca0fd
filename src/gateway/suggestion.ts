// Owns "did you mean": which of the known words was probably meant by an unknown one. Pure.

/** The nearest of the words, null when none is near enough to be meant. */
export function nearestWord(word: string, known: Iterable<string>): string | null {
  const wanted = normalise(word);
  let best: string | null = null;
  // One slip in a short word, two in a longer one: more would be guessing.
  let bestDistance = wanted.length <= 4 ? 2 : 3;
  for (const candidate of known) {
    const distance = editDistance(wanted, normalise(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** "keep-alive", "keep_alive" and "KeepAlive" are the same slip. */
function normalise(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, "");
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const cells = new Uint16Array((a.length + 1) * width);
  const cell = (row: number, column: number): number => cells[row * width + column] ?? 0;
  for (let row = 0; row <= a.length; row += 1) {
    for (let column = 0; column <= b.length; column += 1) {
      let least = row === 0 ? column : row;
      if (row > 0 && column > 0) {
        const same = a[row - 1] === b[column - 1];
        least = Math.min(
          cell(row - 1, column) + 1,
          cell(row, column - 1) + 1,
          cell(row - 1, column - 1) + (same ? 0 : 1),
        );
        const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
        if (row > 1 && column > 1 && swapped) {
          least = Math.min(least, cell(row - 2, column - 2) + 1);
        }
      }
      cells[row * width + column] = least;
    }
  }
  return cells[a.length * width + b.length] ?? 0;
}
