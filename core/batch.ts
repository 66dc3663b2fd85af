/**
 * Group commit: what arrives while a write is in flight, or in the same turn of the event loop, goes together in the next one. There is no timer, so an idle system writes at once and
 * a busy one gets cheaper per item (DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984).
 */
export interface Batch<In, Out> {
  /** Resolves with this item's own result. Rejects with OverloadError, without having written, when too many wait. */
  add(item: In): Promise<Out>
  /** True when so many wait that whoever comes now had better be turned away before any work is put into them: at four fifths of the most. */
  isCrowded(): boolean
  /** Resolves when nothing waits and nothing is in flight. */
  idle(): Promise<void>
}

export interface BatchOptions<In, Out> {
  /** Writes the items and answers with one result each, in the same order. */
  write: (items: In[]) => Promise<Out[]>
  /** Most items in a write; default 500. */
  maxItems?: number
  /** Most writes in flight; default 1. */
  maxInFlight?: number
  /** A write of fewer items waits for another such, and takes along what comes until then: two small ones cost more than one of both. Default 1. */
  smallBelow?: number
  /** Most items that may wait; default 10,000. */
  maxWaiting?: number
  /** True to write at once when nothing is in flight, without waiting for what else this turn of the event loop brings; for items that are bundles already. */
  isEager?: boolean
  /** True for an error that one bad item may have caused: the write is tried again in halves, so that only the bad item fails. The failed write must have left nothing behind. */
  isItemFault?: (error: unknown) => boolean
}

export class OverloadError extends Error {
  constructor(waiting: number) {
    super(`${String(waiting)} writes wait already.`)
    this.name = 'OverloadError'
  }
}

interface Waiting<In, Out> {
  item: In
  resolve: (result: Out) => void
  reject: (error: unknown) => void
}

export function makeBatch<In, Out>(options: BatchOptions<In, Out>): Batch<In, Out> {
  const {
    write,
    maxItems = 500,
    maxInFlight = 1,
    smallBelow = 1,
    maxWaiting = 10_000,
    isEager = false,
    isItemFault = () => false,
  } = options
  let waiting: Waiting<In, Out>[] = []
  let inFlight = 0
  let smallInFlight = 0
  let isPumpDue = false
  const idleWaiters: (() => void)[] = []

  const isSmall = (items: readonly unknown[]): boolean => items.length < smallBelow

  const isWriteDue = (): boolean =>
    inFlight < maxInFlight && waiting.length > 0 && (smallInFlight === 0 || !isSmall(waiting))

  /** Not at once: what the same events bring, one promise after the other, shall go together. */
  function pumpSoon(): void {
    if (isPumpDue) return
    isPumpDue = true
    setImmediate(pump)
  }

  function pump(): void {
    isPumpDue = false
    while (isWriteDue()) {
      const round = waiting.length <= maxItems ? waiting : waiting.slice(0, maxItems)
      waiting = waiting.length <= maxItems ? [] : waiting.slice(maxItems)
      const small = isSmall(round) ? 1 : 0
      inFlight++
      smallInFlight += small
      void settle(round).finally(() => {
        inFlight--
        smallInFlight -= small
        pumpSoon()
      })
    }
    if (inFlight === 0 && waiting.length === 0) {
      for (const wake of idleWaiters.splice(0)) wake()
    }
  }

  async function settle(round: Waiting<In, Out>[]): Promise<void> {
    try {
      const results = await write(round.map(({ item }) => item))
      if (results.length !== round.length)
        throw new Error(
          `A batched write of ${String(round.length)} items gave ${String(results.length)} results.`,
        )
      round.forEach((one, i) => {
        one.resolve(results[i] as Out)
      })
    } catch (error) {
      if (round.length > 1 && isItemFault(error)) {
        const half = round.length >> 1
        await settle(round.slice(0, half))
        await settle(round.slice(half))
        return
      }
      for (const one of round) one.reject(error)
    }
  }

  return {
    add(item) {
      if (waiting.length >= maxWaiting) return Promise.reject(new OverloadError(waiting.length))
      const done = new Promise<Out>((resolve, reject) => waiting.push({ item, resolve, reject }))
      if (isWriteDue()) {
        if (isEager) pump()
        else pumpSoon()
      }
      return done
    },
    isCrowded: () => waiting.length >= maxWaiting * 0.8,
    idle() {
      if (inFlight === 0 && waiting.length === 0) return Promise.resolve()
      return new Promise((resolve) => idleWaiters.push(resolve))
    },
  }
}
