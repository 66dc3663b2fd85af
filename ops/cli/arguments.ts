import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../../core/durations.ts'

/*
 * Parsers for options; what they refuse is wrong usage, and told with the option's name.
 */

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('It must be a whole number.')
  return value
}

export function positiveNumber(text: string): number {
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number above 0.')
  return value
}

/** In ms. */
export function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined)
    throw new InvalidArgumentError('It must be a number with a unit, such as 500ms, 30s, 5m, 2h or 1d.')
  return ms
}

/** For options that take a list, given once with commas or several times. */
export const listed = (text: string, earlier: string[] = []): string[] => [
  ...earlier,
  ...text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
]

/** `k=v`, several times. */
export function label(text: string, earlier: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be key=value.')
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) }
}

/** An ISO 8601 time, or how long ago (`2h`). */
export function timeOrAge(text: string): string {
  const ageMs = parseDuration(text)
  const at = ageMs === undefined ? new Date(text) : new Date(Date.now() - ageMs)
  if (Number.isNaN(at.getTime()))
    throw new InvalidArgumentError(
      'It must be a time such as 2026-11-23T15:00:00Z, or how long ago, such as 2h.',
    )
  return at.toISOString()
}

/** An ISO 8601 time, or how long from now (`2h`). */
export function timeOrDelay(text: string): string {
  const delayMs = parseDuration(text)
  const at = delayMs === undefined ? new Date(text) : new Date(Date.now() + delayMs)
  if (Number.isNaN(at.getTime()))
    throw new InvalidArgumentError(
      'It must be a time such as 2026-11-23T15:00:00Z, or how long from now, such as 2h.',
    )
  return at.toISOString()
}
