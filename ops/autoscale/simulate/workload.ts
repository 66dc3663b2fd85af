/** Jobs to simulate, in columns, in the order of their arrival. All times are in seconds from the start. */
export interface Workload {
  count: number
  arrivalAt: Float64Array
  serviceSeconds: Float64Array
  /** When a job that has not started expires; Infinity for never. */
  deadlineAt: Float64Array
  /** Slots of its node that a job takes. */
  slots: Uint16Array
  /** Index into `tasks`. */
  task: Uint32Array
  tasks: readonly string[]
}

export interface WorkloadJob {
  at: number
  serviceSeconds: number
  deadlineSeconds?: number | undefined
  slots?: number | undefined
  task?: string | undefined
}

/** Puts jobs in the order of their arrival; those of one moment stay in theirs. */
export function toWorkload(jobs: readonly WorkloadJob[]): Workload {
  const sorted = jobs.toSorted((a, b) => a.at - b.at)
  const indexes = new Map<string, number>()
  const indexOf = (task: string): number => {
    const known = indexes.get(task)
    if (known !== undefined) return known
    indexes.set(task, indexes.size)
    return indexes.size - 1
  }
  return {
    count: sorted.length,
    arrivalAt: Float64Array.from(sorted, (job) => job.at),
    serviceSeconds: Float64Array.from(sorted, (job) => job.serviceSeconds),
    deadlineAt: Float64Array.from(sorted, (job) => job.at + (job.deadlineSeconds ?? Infinity)),
    slots: Uint16Array.from(sorted, (job) => job.slots ?? 1),
    task: Uint32Array.from(sorted, (job) => indexOf(job.task ?? 'job')),
    tasks: [...indexes.keys()],
  }
}

/** Slot-seconds of all jobs: divided by the slots of a node, what no fleet can do with less. */
export function workOf({ count, serviceSeconds, slots }: Workload): number {
  let work = 0
  for (let job = 0; job < count; job++) work += (serviceSeconds[job] as number) * (slots[job] as number)
  return work
}
