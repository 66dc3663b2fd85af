/** What a campaign tells the processes that it starts, beside the options of the product. */
export interface PreloadSettings {
  mutant: string | undefined
  /** `<crash point>@<passes>`. */
  crashAt: string | undefined
  /** How far this process's clock is from the machine's, in ms; undefined for not at all. */
  clockSkewMs: number | undefined
  /** The newest format of rows that this process reads; undefined for what its version does. */
  readsFormat: number | undefined
}

export function readPreloadSettings(): PreloadSettings {
  const numberOf = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text)
  return {
    mutant: process.env['NOODLE_MUTANT'],
    crashAt: process.env['NOODLE_CRASH_AT'],
    clockSkewMs: numberOf(process.env['NOODLE_CLOCK_SKEW_MS']),
    readsFormat: numberOf(process.env['NOODLE_READS_FORMAT']),
  }
}
