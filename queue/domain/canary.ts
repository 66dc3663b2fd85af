/*
 * A canary is a job of the platform's own that goes the whole way through a tier, again and again: what it gets through, a user's job gets through.
 */

/** Whose canaries are. Names of users' tenants begin with a letter or digit. */
export const canaryTenant = '_canary'
export const canaryUserId = '00000000-0000-7000-8000-000000000000'

/** How a tier with ready nodes does. */
export interface CanaryHealth {
  tier: string
  /** Since the last canary that succeeded was submitted, or since the oldest of the tier's ready nodes came up, whichever is later. */
  ageMs: number
  /** False while jobs of users hold every slot of the tier's ready nodes: then a canary waits as they do. */
  hasFreeSlot: boolean
}

/** Three canaries in a row; one may meet a node that dies. */
const lateMs = 90_000

export const isLate = ({ ageMs, hasFreeSlot }: CanaryHealth): boolean => hasFreeSlot && ageMs > lateMs
