import type { Comparison } from './compare.ts'

const width = 960
const left = 150
const right = 20
const rowHeight = 90
const top = 40
const mostPoints = 2000

/** The nodes of each policy over time, one below the other on the same scales, as a picture in SVG. */
export function drawChart({ outcomes, timelines }: Comparison): string {
  const seconds = Math.max(1, ...timelines.map(({ timeline }) => timeline.at(-1)?.at ?? 0))
  const nodes = Math.max(
    1,
    ...timelines.map(({ timeline }) => timeline.reduce((most, one) => Math.max(most, one.nodes), 0)),
  )
  const x = (at: number): string => (left + (at / seconds) * (width - left - right)).toFixed(1)
  const rows = timelines.map(({ name, timeline }, row) => {
    const bottom = top + (row + 1) * rowHeight - 14
    const y = (count: number): string => (bottom - (count / nodes) * (rowHeight - 26)).toFixed(1)
    const points = thinOut(timeline, seconds)
    const line = points.map(({ at, nodes: count }) => `H${x(at)}V${y(count)}`).join('')
    const outcome = outcomes[row]
    const figures = outcome
      ? [
          `${Math.round(outcome.nodeSeconds).toLocaleString('en')} node-s`,
          `p95 ${(outcome.waitMs.p95 / 1000).toFixed(1)} s`,
        ]
      : []
    const area = `M${x(0)} ${y(0)}${line}H${x(seconds)}V${y(0)}Z`
    return [
      `<text x="10" y="${String(bottom - 40)}" font-weight="bold">${name}</text>`,
      ...figures.map((text, n) => `<text x="10" y="${String(bottom - 24 + n * 15)}">${text}</text>`),
      `<path d="${area}" fill="${name === 'noodle' ? '#2b7a4b' : '#8aa0b4'}" fill-opacity="0.75"/>`,
      `<path d="M${String(left)} ${String(bottom)}H${String(width - right)}" stroke="#555"/>`,
      `<text x="${String(left - 6)}" y="${y(nodes)}" text-anchor="end" dominant-baseline="middle">${String(nodes)}</text>`,
    ].join('\n')
  })
  const height = top + timelines.length * rowHeight + 24
  const hours = Array.from({ length: 7 }, (_, n) => (n * seconds) / 6)
  const scale = hours.map(
    (at) => `<text x="${x(at)}" y="${String(height - 10)}" text-anchor="middle">${timeText(at)}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(width)} ${String(height)}" font-family="sans-serif" font-size="12" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="20" font-size="14">Nodes over time, by policy</text>
${[...rows, ...scale].join('\n')}
</svg>
`
}

/** Of each stretch of time the largest and the last, so that no peak is lost and what follows is right; a picture has no more columns. */
function thinOut(
  timeline: Comparison['timelines'][number]['timeline'],
  seconds: number,
): { at: number; nodes: number }[] {
  if (timeline.length <= mostPoints) return timeline
  const kept: { at: number; nodes: number }[] = []
  let stretch: typeof kept = []
  const close = (): void => {
    const most = stretch.reduce((best, one) => (one.nodes > best.nodes ? one : best), { at: 0, nodes: -1 })
    kept.push(...new Set([most, ...stretch.slice(-1)]))
  }
  const placeOf = ({ at }: { at: number }): number => Math.floor((at / seconds) * mostPoints)
  for (const one of timeline) {
    const [first] = stretch
    if (first && placeOf(first) !== placeOf(one)) {
      close()
      stretch = []
    }
    stretch.push(one)
  }
  if (stretch.length > 0) close()
  return kept
}

const timeText = (seconds: number): string =>
  seconds >= 172_800
    ? `${(seconds / 86_400).toFixed(1)} d`
    : seconds >= 7200
      ? `${(seconds / 3600).toFixed(1)} h`
      : `${(seconds / 60).toFixed(0)} min`
