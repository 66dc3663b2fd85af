/** Numbers that are the same for the same seed, uniform in [0, 1) (Mulberry32, Tommy Ettinger). */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const exponential = (random: () => number, mean: number): number => -mean * Math.log(1 - random())

/** Pareto with this mean, cut off at `most`. `shape` 1.5 has a mean and no variance. */
export function pareto(random: () => number, mean: number, shape: number, most: number): number {
  const least = (mean * (shape - 1)) / shape
  return Math.min(most, least / (1 - random()) ** (1 / shape))
}
