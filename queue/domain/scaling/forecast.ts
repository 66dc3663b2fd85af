/*
 * How much load will be there when a node comes up that is asked for now. Several forecasters run side by side; the one whose forecasts came true best
 * lately is believed, so that a season or a trend that is none does no harm.
 */

const forecasters = [
  'as now',
  'mean of a minute',
  'mean of 5 minutes',
  'mean of 30 minutes',
  'season',
] as const
const meanSeconds = [60, 300, 1800] as const
const places = 256
const memorySeconds = 3600
const dayBins = 288
const binSeconds = 300

export interface Forecast {
  means: number[]
  /** What each forecaster said, by the tick that it is about: a ring. */
  said: number[]
  errors: number[]
  tick: number
  /** Mean load by the time of day, and how much of the present bin has been seen. */
  season: (number | null)[]
  bin: number
  binLoad: number
  binWeight: number
  /** Forecast of the best, and its index. */
  load: number
  best: number
}

export const makeForecast = (): Forecast => ({
  means: meanSeconds.map(() => 0),
  said: new Array<number>(places * forecasters.length).fill(0),
  errors: forecasters.map(() => 0),
  tick: 0,
  season: new Array<number | null>(dayBins).fill(null),
  bin: -1,
  binLoad: 0,
  binWeight: 0,
  load: 0,
  best: 0,
})

export const nameOf = (forecast: Forecast): string => forecasters[forecast.best] ?? ''

/** Takes note of the present load, and forecasts it for `aheadSeconds` from now. */
export function foresee(
  forecast: Forecast,
  now: { seconds: number; nowMs: number; offered: number; aheadSeconds: number },
): void {
  const { seconds, offered } = now
  forecast.tick++
  const fade = 0.5 ** (seconds / memorySeconds)
  const place = forecast.tick % places
  forecasters.forEach((_, f) => {
    const error = Math.abs((forecast.said[place * forecasters.length + f] ?? 0) - offered)
    forecast.errors[f] = (forecast.errors[f] ?? 0) * fade + error
  })
  meanSeconds.forEach((span, i) => {
    const mean = forecast.means[i] ?? 0
    // At first the mean of what there is.
    const weight = Math.max(1 - Math.exp(-seconds / span), 1 / forecast.tick)
    forecast.means[i] = mean + (offered - mean) * Math.min(1, weight)
  })
  noteSeason(forecast, now)
  const lag = Math.min(places - 1, Math.max(1, Math.round(now.aheadSeconds / seconds)))
  const about = (forecast.tick + lag) % places
  const said = [offered, ...forecast.means, seasonal(forecast, now)]
  said.forEach((load, f) => (forecast.said[about * forecasters.length + f] = load))
  let best = 0
  forecast.errors.forEach((error, f) => {
    if (error < (forecast.errors[best] ?? 0)) best = f
  })
  forecast.best = best
  forecast.load = said[best] ?? offered
}

function noteSeason(forecast: Forecast, now: { seconds: number; nowMs: number; offered: number }): void {
  const bin = binOf(now.nowMs)
  if (bin !== forecast.bin) {
    if (forecast.bin >= 0 && forecast.binWeight > 0) {
      const load = forecast.binLoad / forecast.binWeight
      const known = forecast.season[forecast.bin] ?? null
      forecast.season[forecast.bin] = known === null ? load : known + 0.3 * (load - known)
    }
    forecast.bin = bin
    forecast.binLoad = 0
    forecast.binWeight = 0
  }
  forecast.binLoad += now.offered * now.seconds
  forecast.binWeight += now.seconds
}

/** As at this time of the day before, scaled by how today compares with that so far; the mean of 5 minutes where that day is not known. */
function seasonal(forecast: Forecast, now: { nowMs: number; aheadSeconds: number }): number {
  const level = forecast.means[1] ?? 0
  const then = seasonAt(forecast, now.nowMs + now.aheadSeconds * 1000)
  const here = seasonAt(forecast, now.nowMs)
  if (then === null || here === null || here <= 0) return level
  return then * Math.min(4, Math.max(0.25, level / here))
}

function seasonAt(forecast: Forecast, ms: number): number | null {
  const at = ms / 1000 / binSeconds - 0.5
  const first = Math.floor(at)
  const from = forecast.season[mod(first)] ?? null
  const to = forecast.season[mod(first + 1)] ?? null
  return from === null || to === null ? null : from + (to - from) * (at - first)
}

const mod = (bin: number): number => ((bin % dayBins) + dayBins) % dayBins
const binOf = (ms: number): number => mod(Math.floor(ms / 1000 / binSeconds))
