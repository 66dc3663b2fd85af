/** A hint that jobs may be run: lost, doubled, late or reordered without harm, because the row decides at the claim (T3). */
export interface Delivery {
  tier: string
  jobs: DeliveredJob[]
}

export interface DeliveredJob {
  id: string
  /** The job's dispatch_seq when this delivery was made. */
  seq: number
}
