/** What a campaign tells the processes that it starts, beside the options of the product. */
export interface PreloadSettings {
  mutant: string | undefined
  /** `<crash point>@<passes>`. */
  crashAt: string | undefined
}

export function readPreloadSettings(): PreloadSettings {
  return { mutant: process.env['NOODLE_MUTANT'], crashAt: process.env['NOODLE_CRASH_AT'] }
}
