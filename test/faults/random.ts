/** A source of chance that a seed repeats. */
export interface Random {
  /** From 0 to below 1. */
  next(): number
  /** A whole number, both ends included. */
  between(min: number, max: number): number
  pick<T>(items: readonly T[]): T
  chance(probability: number): boolean
  /** One of its own, so that what one part draws changes nothing for another. */
  fork(): Random
}

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state are plenty here. */
export function makeRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    between: (min, max) => min + Math.floor(next() * (max - min + 1)),
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new Error('There is nothing to pick from.')
      return items[Math.floor(next() * items.length)] as T
    },
    chance: (probability) => next() < probability,
    fork: () => makeRandom(Math.floor(next() * 2 ** 32)),
  }
}
