import type { Resources } from './job.ts'

/** A hint that jobs may be run: lost, doubled, late or reordered without harm, because the row decides at the claim (T3). */
export interface Delivery {
  tier: string
  /** Of all its jobs. */
  task: string
  jobs: DeliveredJob[]
  /** What each of its jobs asked for when it was made. */
  need: Resources
  /** Its one job is suspected to bring down its node, and must run with nothing beside it. */
  isAlone: boolean
  /** How often it was taken so far, from 1: it comes again when it was returned, or when its holder died. */
  timesTaken: number
}

/** What becomes of a delivery that was taken: forgotten, or returned to its queue for the next one who is free, not before as many ms. */
export type DeliveryEnd = 'done' | { returnAfterMs: number }

export interface DeliveredJob {
  id: string
  /** The job's dispatch_seq when this delivery was made. */
  seq: number
}
