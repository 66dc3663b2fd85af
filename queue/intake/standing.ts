import type { Boot } from './boot.ts'

/** A node's right to hold jobs, as whoever takes jobs for it sees it. */
export interface Standing {
  /** The boot to claim under, as long as its lease is certain by this process's own clock; null while it is not, within `waitMs`. */
  liveBoot(options: { waitMs: number; signal: AbortSignal }): Promise<Boot | null>
  /** True when `boot` holds its lease now. */
  isLive(boot: Boot): boolean
  /** Has the rows that this boot holds looked at now: something about them has changed. */
  lookNow(): void
}
