import { isUtf8 } from 'node:buffer'
import { QueueError } from '../../queue/domain/errors.ts'

export interface JsonLimits {
  maxDepth: number
  /** Over all objects together. */
  maxKeys: number
}

export const bodyLimits: JsonLimits = { maxDepth: 32, maxKeys: 10_000 }

/**
 * Parses a JSON body and refuses what JSON.parse lets through but no store or client could give back as it came: invalid UTF-8, a key twice, `__proto__`,
 * NUL and lone surrogates, numbers that a double can't hold (RFC 7493, I-JSON), and nesting past the limit.
 * @param piece where it stands in the bytes; default all of them
 * @throws INVALID_REQUEST naming the place
 */
export function parseStrictJson(
  bytes: Buffer,
  limits: JsonLimits = bodyLimits,
  piece: { at: number; end: number } = { at: 0, end: bytes.length },
): unknown {
  const { at, end } = piece
  const text = bytes.toString('utf8', at, end)
  // It stands for what is not valid, so that most bytes need no second look.
  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(at, end))) throw invalid('', 'is not valid UTF-8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalid('', `is not JSON: ${error instanceof Error ? error.message : String(error)}`, error)
  }
  inspect(text, limits)
  return value
}

const invalid = (path: string, message: string, cause?: unknown): QueueError =>
  new QueueError('INVALID_REQUEST', `${path === '' ? 'The body' : path} ${message}.`, {
    fields: [{ path, message }],
    cause,
  })

interface Level {
  /** Names seen so far in an object; undefined in an array. */
  keys: Set<string> | undefined
  key: string
  index: number
}

/** Walks through text that JSON.parse has accepted, so that syntax needs no checking here. */
function inspect(text: string, limits: JsonLimits): void {
  const levels: Level[] = []
  // Only an escape can bring a NUL or half of a surrogate pair into text that was UTF-8 and is JSON, or a quote into a string.
  const isPlain = !text.includes('\\')
  let keyCount = 0
  let isKeyNext = false
  let at = 0

  const path = (): string => levels.map((level) => (level.keys ? level.key : String(level.index))).join('.')

  while (at < text.length) {
    const char = text[at]
    switch (char) {
      case '{':
      case '[':
        if (levels.length >= limits.maxDepth)
          throw invalid(path(), `is nested deeper than ${String(limits.maxDepth)} levels`)
        levels.push({ keys: char === '{' ? new Set() : undefined, key: '', index: 0 })
        isKeyNext = char === '{'
        at++
        break
      case '}':
      case ']':
        levels.pop()
        isKeyNext = false
        at++
        break
      case ',': {
        const level = levels.at(-1)
        if (level && !level.keys) level.index++
        isKeyNext = level?.keys !== undefined
        at++
        break
      }
      case '"': {
        const end = isPlain ? text.indexOf('"', at + 1) : endOfString(text, at)
        const level = levels.at(-1)
        if (isKeyNext && level?.keys) {
          isKeyNext = false
          const content = readString(text, at, end)
          level.key = content
          if (level.keys.has(content)) throw invalid(path(), 'appears twice in its object')
          if (content === '__proto__') throw invalid(path(), 'is a name that is not allowed')
          if (++keyCount > limits.maxKeys)
            throw invalid(path(), `is one of more than ${String(limits.maxKeys)} names`)
          level.keys.add(content)
        }
        const problem = isPlain ? undefined : stringProblem(readString(text, at, end))
        if (problem) throw invalid(path(), problem)
        at = end + 1
        break
      }
      default:
        if (char === '-' || (char !== undefined && char >= '0' && char <= '9')) {
          const end = endOfNumber(text, at)
          const misfit = numberProblem(text.slice(at, end))
          if (misfit) throw invalid(path(), misfit)
          at = end
        } else at++
    }
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return quote
    at = quote + 1
  }
}

function readString(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end)
  return raw.includes('\\') ? (JSON.parse(text.slice(start, end + 1)) as string) : raw
}

function stringProblem(content: string): string | undefined {
  if (content.includes('\0')) return 'holds a NUL character'
  if (!content.isWellFormed()) return 'holds half of a surrogate pair, which is not valid Unicode'
  return undefined
}

const numberFromHere = /[-+.eE0-9]*/y

function endOfNumber(text: string, start: number): number {
  numberFromHere.lastIndex = start
  numberFromHere.test(text)
  return numberFromHere.lastIndex
}

function numberProblem(text: string): string | undefined {
  const value = Number(text)
  if (!Number.isFinite(value)) return 'is a number larger than a double can hold'
  if (/^-?\d+$/.test(text) && !Number.isSafeInteger(value))
    return 'is an integer beyond 2^53 that would lose digits; send it as a string'
  return undefined
}
