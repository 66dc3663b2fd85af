/** What is asked of BullMQ's Queue. */
interface LookedAtQueue {
  getJobState(id: string): Promise<string>
  getJob(id: string): Promise<{ data: { jobs: { id: string }[] } } | undefined>
}

/** Deliveries looked at in one round trip. */
const roundSize = 500

/** Ids of the jobs that stand in those of the deliveries which wait in the queue or are held by a worker. */
export async function findHeldJobs(
  queue: LookedAtQueue,
  deliveryIds: Iterable<string>,
): Promise<Set<string>> {
  const held = new Set<string>()
  const ids = [...new Set(deliveryIds)]
  for (let i = 0; i < ids.length; i += roundSize) {
    const round = ids.slice(i, i + roundSize)
    // The state first: a delivery that ends in between has then lost its data, or the row has left the window.
    const states = await Promise.all(round.map((id) => queue.getJobState(id)))
    const deliveries = await Promise.all(
      round
        .filter((_, n) => !['completed', 'failed', 'unknown'].includes(states[n] ?? 'unknown'))
        .map((id) => queue.getJob(id)),
    )
    for (const delivery of deliveries) for (const job of delivery?.data.jobs ?? []) held.add(job.id)
  }
  return held
}
