import { showDuration } from '../../core/durations.ts'
import { escapeHtml } from './html.ts'

const width = 640
const height = 120
const left = 34
const bottom = 98
const top = 8

/** A change of the number of nodes that a tier should have. */
interface Change {
  at: Date
  from: number
  to: number
}

/**
 * The number of desired nodes over the time until now as a picture in SVG, in the colour of the text around it; empty without a change.
 * @param changes newest first
 * @param mostMs how far back it goes at most
 */
export function desiredChart(
  tier: string,
  changes: readonly Change[],
  { nowMs, mostMs }: { nowMs: number; mostMs: number },
): string {
  const known = changes.toReversed()
  const shown = known.filter(({ at }) => at.getTime() > nowMs - mostMs)
  const before = known.findLast(({ at }) => at.getTime() <= nowMs - mostMs)
  const start = before?.to ?? shown[0]?.from
  if (start === undefined) return ''
  const sinceMs = before ? mostMs : Math.max(60_000, nowMs - (shown[0]?.at.getTime() ?? nowMs))
  const counts = [start, ...shown.map(({ to }) => to)]
  const most = Math.max(1, ...counts)
  const x = (atMs: number): string =>
    (left + Math.max(0, 1 - (nowMs - atMs) / sinceMs) * (width - left)).toFixed(1)
  const y = (count: number): string => (bottom - (count / most) * (bottom - top)).toFixed(1)
  const line = shown.map(({ at, to }) => `H${x(at.getTime())}V${y(to)}`).join('')
  const path = `M${String(left)} ${y(start)}${line}H${String(width)}`
  const told = `Desired nodes of ${tier} in the last ${showDuration(sinceMs)}: ${String(Math.min(...counts))} to ${String(Math.max(...counts))}, now ${String(counts.at(-1))}`
  return `<svg viewBox="0 0 ${String(width)} ${String(height)}" role="img" aria-label="${escapeHtml(told)}" font-size="11" fill="currentColor">
<path d="${path}V${String(bottom)}H${String(left)}Z" fill-opacity=".15"/>
<path d="${path}" fill="none" stroke="currentColor" stroke-width="1.5"/>
<path d="M${String(left)} ${String(bottom)}H${String(width)}" stroke="currentColor" stroke-opacity=".4"/>
<text x="${String(left - 6)}" y="${y(most)}" text-anchor="end" dominant-baseline="middle">${String(most)}</text>
<text x="${String(left - 6)}" y="${String(bottom)}" text-anchor="end" dominant-baseline="middle">0</text>
<text x="${String(left)}" y="${String(height - 6)}">${showDuration(sinceMs)} ago</text>
<text x="${String(width)}" y="${String(height - 6)}" text-anchor="end">now</text>
</svg>`
}
