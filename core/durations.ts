const units = { ms: 1, s: 1000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `500ms`, `30s`, `5m`, `2h` or `1d` in ms; undefined for anything else, also for a number without a unit. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)$/.exec(text.trim()) ?? []
  if (amount === undefined || unit === undefined) return undefined
  return Math.round(Number(amount) * units[unit as keyof typeof units])
}

/** For people: `12 ms`, `3.4 s`, `2 min 5 s`, `3 h 20 min`, `5 d 3 h`. */
export function showDuration(ms: number): string {
  if (ms < 1000) return `${String(Math.round(ms))} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 60_000) return `${String(Math.floor(ms / 1000))} s`
  if (ms < 3_600_000) return two(ms, 60_000, 'min', 1000, 's')
  if (ms < 86_400_000) return two(ms, 3_600_000, 'h', 60_000, 'min')
  return two(ms, 86_400_000, 'd', 3_600_000, 'h')
}

function two(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small)
  return `${String(Math.floor(ms / large))} ${largeName}${rest > 0 ? ` ${String(rest)} ${smallName}` : ''}`
}

/** `3 s ago` or `in 5 min`; `now` within a second, which also hides that clocks differ a little. */
export function showRelative(at: string | Date, nowMs = Date.now()): string {
  const agoMs = nowMs - new Date(at).getTime()
  if (Math.abs(agoMs) < 1000) return 'now'
  const amount = showLargestUnit(Math.abs(agoMs))
  return agoMs > 0 ? `${amount} ago` : `in ${amount}`
}

function showLargestUnit(ms: number): string {
  const [unit, size] =
    (['d', 'h', 'min'] as const).map((name) => [name, units[name]] as const).find(([, each]) => ms >= each) ??
    (['s', 1000] as const)
  return `${String(Math.floor(ms / size))} ${unit}`
}
