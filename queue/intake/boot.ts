/** One life of the node, as Postgres counts it. */
export interface Boot {
  id: string
  /** Aborted when this boot was given up, or has said goodbye: nothing that it does counts any more. */
  ended: AbortSignal
}
