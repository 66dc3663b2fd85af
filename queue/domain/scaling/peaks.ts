import { holdWindows, season } from './rules.ts'

/*
 * The largest load within windows of different length, and by the time of the day: kept by spells of five minutes, and within the last five minutes by tick.
 */

const spellSeconds = 300
const spellsPerDay = 86_400 / spellSeconds

export interface Peaks {
  /** The largest of each spell of the last day, a ring. */
  spells: Float64Array
  /** Number of the present spell since 1970; -1 before the first. */
  spell: number
  /** By spell of the day: a mean of what it was at its largest, on the days so far. -1 where it is not known. */
  ofDay: Float64Array
  /** Ticks of the last five minutes. */
  recent: { at: number; load: number }[]
  /** By window, as in `holdWindows`. */
  largest: number[]
  /** The largest that the season expects until a node would be up that is asked for now. */
  seasonal: number
}

export const makePeaks = (): Peaks => ({
  spells: new Float64Array(spellsPerDay),
  spell: -1,
  ofDay: new Float64Array(spellsPerDay).fill(-1),
  recent: [],
  largest: holdWindows.map(() => 0),
  seasonal: 0,
})

export function notePeak(peaks: Peaks, now: { seconds: number; aheadSeconds: number; load: number }): void {
  const { seconds: at, load } = now
  const spell = Math.floor(at / spellSeconds)
  const passed = peaks.spell < 0 ? 0 : Math.min(spellsPerDay, Math.max(0, spell - peaks.spell))
  if (passed > 0) noteSpell(peaks)
  for (let n = 0; n < passed; n++) peaks.spells[placeOf(spell - n)] = 0
  peaks.spell = spell
  const place = placeOf(spell)
  const grew = load > (peaks.spells[place] as number)
  if (grew) peaks.spells[place] = load
  peaks.recent.push({ at, load })
  while ((peaks.recent[0]?.at ?? at) < at - spellSeconds) peaks.recent.shift()
  holdWindows.forEach((seconds, i) => {
    if (seconds <= spellSeconds) peaks.largest[i] = largestSince(peaks, at - seconds)
    else if (grew || passed > 0) peaks.largest[i] = largestOfSpells(peaks, seconds / spellSeconds)
  })
  peaks.seasonal = 0
  for (let next = spell; next <= Math.floor((at + now.aheadSeconds) / spellSeconds); next++)
    peaks.seasonal = Math.max(peaks.seasonal, peaks.ofDay[placeOf(next)] as number)
}

export const peakOver = (peaks: Peaks, holdSeconds: number): number => {
  if (holdSeconds === season) return peaks.seasonal
  for (let i = 0; i < holdWindows.length; i++)
    if (holdWindows[i] === holdSeconds) return peaks.largest[i] as number
  return 0
}

function noteSpell(peaks: Peaks): void {
  const place = placeOf(peaks.spell)
  const seen = peaks.spells[place] as number
  const known = peaks.ofDay[place] as number
  peaks.ofDay[place] = known < 0 ? seen : known + 0.5 * (seen - known)
}

function largestSince({ recent }: Peaks, at: number): number {
  let most = 0
  for (const one of recent) if (one.at >= at && one.load > most) most = one.load
  return most
}

function largestOfSpells({ spells, spell }: Peaks, count: number): number {
  let most = 0
  for (let n = 0; n <= Math.min(spellsPerDay - 1, count); n++)
    most = Math.max(most, spells[placeOf(spell - n)] as number)
  return most
}

const placeOf = (spell: number): number => ((spell % spellsPerDay) + spellsPerDay) % spellsPerDay
