import { makeHistory, type ScalingHistory } from './history.ts'
import type { ScalingPolicy } from './policy.ts'

/** As JSON can hold it: columns are lists, and those that are mostly 0 are lists of place and value. */
type Stored = null | number | string | boolean | Stored[] | { [key: string]: Stored }

/** For whoever takes over: 80 KiB as JSON. */
export const storeHistory = (history: ScalingHistory): Stored => toStored(history)

/**
 * What `storeHistory` gave, after a way through JSON. What does not fit this version (other rules, another shape) is left out as a whole: the tier learns
 * anew then, which takes some hours and harms nothing.
 */
export function restoreHistory(stored: unknown, policy: Pick<ScalingPolicy, 'min'>): ScalingHistory {
  const fresh = makeHistory(policy)
  try {
    const history = fromStored(stored, fresh) as ScalingHistory
    return history.version === fresh.version ? history : fresh
  } catch (error) {
    if (error instanceof Misfit) return fresh
    throw error
  }
}

class Misfit extends Error {}

function toStored(value: unknown): Stored {
  if (value instanceof Float64Array || value instanceof Uint16Array) {
    const set = [...value].flatMap((one, place) => (one === 0 ? [] : [place, shorten(one)]))
    return set.length < value.length ? { length: value.length, set } : { all: Array.from(value, shorten) }
  }
  if (Array.isArray(value)) return value.map(toStored)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, toStored(one)]))
  return value as Stored
}

/** Shaped as `like`, which is a new history. */
function fromStored(value: unknown, like: unknown): unknown {
  if (like instanceof Float64Array || like instanceof Uint16Array) {
    const { all, length, set } = objectOf(value)
    const column = like instanceof Float64Array ? new Float64Array(like.length) : new Uint16Array(like.length)
    if (Array.isArray(all) && all.length === like.length) column.set(all.map(numberOf))
    else if (length === like.length && Array.isArray(set))
      for (let n = 0; n < set.length; n += 2) column[numberOf(set[n])] = numberOf(set[n + 1])
    else throw new Misfit()
    return column
  }
  if (Array.isArray(like)) {
    if (!Array.isArray(value)) throw new Misfit()
    if (like.length > 0 && value.length !== like.length) throw new Misfit()
    return value as unknown[]
  }
  if (typeof like === 'object' && like !== null) {
    const stored = objectOf(value)
    return Object.fromEntries(Object.entries(like).map(([key, one]) => [key, fromStored(stored[key], one)]))
  }
  if (like === null) return value === null ? null : numberOf(value) // a time or a number that a new history does not know yet
  if (typeof value !== typeof like) throw new Misfit()
  return value
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Misfit()
  return value as Record<string, unknown>
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Misfit()
  return value
}

const shorten = (value: number): number => Number(value.toPrecision(9))
