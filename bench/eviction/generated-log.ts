// Owns the generated sample: an access log that no site has written, the same on each machine.
// Popularity follows Zipf's law, sizes are log-normal. It shows that the benchmark runs; what it
// says of policies is worth what the two assumptions are.

const REQUESTS = 20_000;
const OBJECTS = 4_000;
/** A request every two seconds on average: eleven hours. */
const MEAN_SECONDS = 2;
const START_MS = Date.UTC(2026, 0, 1);
const MONTH_YEAR = "Jan/2026";

/** Lines in the common log format. */
export function* generateLog(): Generator<string> {
  const draw = drawsFrom(0x2545f491);
  const cumulative: number[] = [];
  let total = 0;
  for (let rank = 1; rank <= OBJECTS; rank++) cumulative.push((total += 1 / rank ** 0.9));
  const sizes = cumulative.map(() => Math.ceil(Math.exp(9 + 1.5 * normal(draw))));
  let seconds = 0;
  for (let index = 0; index < REQUESTS; index++) {
    seconds += -Math.log(1 - draw()) * MEAN_SECONDS;
    const wanted = draw() * total;
    const object = cumulative.findIndex((sum) => sum >= wanted);
    const at = new Date(START_MS + Math.floor(seconds) * 1000).toISOString();
    const time = `${at.slice(8, 10)}/${MONTH_YEAR}:${at.slice(11, 19)} +0000`;
    yield `192.0.2.1 - - [${time}] "GET /generated/${object} HTTP/1.1" 200 ${sizes[object] ?? 0}`;
  }
}

/** Draws from [0, 1): xorshift32. */
function drawsFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Box and Muller. */
function normal(draw: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}
