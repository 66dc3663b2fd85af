import { LRUCache } from 'lru-cache'

/** The first level: within the process, bounded by bytes; what was not used for the longest goes first. */
export interface LocalLevel {
  get(key: string): string | undefined
  set(key: string, text: string, ttlMs: number): void
  remove(key: string): void
  /** Answers with the keys that were there. */
  removeMatching(matches: (key: string) => boolean): string[]
  /** Bytes that it holds. */
  size(): number
}

/** What an entry costs besides the characters of its texts; measured with 100,000 entries under Node 24: 101 bytes. */
const overheadBytes = 128

/** `maxBytes` 0: keeps nothing. An entry takes an eighth of it at most, so that a large one does not push out all else. */
export function makeLocalLevel(maxBytes: number, nowMs: () => number): LocalLevel {
  if (maxBytes === 0)
    return {
      get: () => undefined,
      set: () => undefined,
      remove: () => undefined,
      removeMatching: () => [],
      size: () => 0,
    }
  const entries = new LRUCache<string, string>({
    maxSize: maxBytes,
    maxEntrySize: Math.ceil(maxBytes / 8),
    // V8 keeps a text with one or two bytes a character.
    sizeCalculation: (text, key) => 2 * (text.length + key.length) + overheadBytes,
    perf: { now: nowMs },
    ttlResolution: 0,
  })
  return {
    get: (key) => entries.get(key),
    set(key, text, ttlMs) {
      if (ttlMs >= 1) entries.set(key, text, { ttl: Math.floor(ttlMs) })
    },
    remove(key) {
      entries.delete(key)
    },
    removeMatching(matches) {
      const keys = [...entries.keys()].filter(matches)
      for (const key of keys) entries.delete(key)
      return keys
    },
    size: () => entries.calculatedSize,
  }
}
