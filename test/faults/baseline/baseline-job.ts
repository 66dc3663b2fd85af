/** What stands in BullMQ: here the queue is the record. */
export interface BaselineJob {
  task: string
  payload: unknown
  expiresAt?: string
}

export const queueName = 'baseline'
