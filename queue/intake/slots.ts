import type { Resources } from '../domain/job.ts'
import type { GpuId } from '../domain/node.ts'
import {
  type Allocation,
  type FreeResources,
  makeNodeAllocator,
  type NodeCapacity,
  shareOf,
} from './node-allocator.ts'

/** What the processes of a run may use together, at most. */
export interface RunLimits {
  /** MiB: what the job asked for, else its slot's share of the node, but not less than 512. */
  memoryMb: number
  /** Cores that the job asked for; null: what is idle. */
  cpus: number | null
}

/** A share may be smaller than what any program needs. */
const leastMemoryMb = 512

/** What a job may use of this node, from before its claim to its end. */
export interface Grant {
  gpus: readonly GpuId[]
  /** How many these are, parts counted as parts. */
  heldGpus: number
  limits: RunLimits
  /** What it takes of the node. */
  allocation: Allocation
  /** Gives it back; twice is harmless. */
  release: () => void
}

/** The jobs that a process may run at once, over all of its tiers: as many as there are slots, and as fit its resources. */
export interface Slots {
  /**
   * Resolves with the grant, in the order of asking, except that who needs less may overtake one who must wait, `mostOvertakes` times at most; null when
   * it did not come free in time, or the signal was aborted.
   */
  take(request: SlotRequest): Promise<Grant | null>
  /** The grant of a job that runs on the node already, whatever is free. */
  adopt(need: Resources, allocation: Allocation): Grant
  /** False for what this node has not even when it is empty. */
  canEverFit(need: Resources): boolean
  /** Keeps what is free now from all others, for jobs whose needs are not known yet. To be ended. */
  holdFree(): HeldSlots
}

export interface SlotRequest {
  need: Resources
  waitMs: number
  signal: AbortSignal
  /** Grants that may go to those behind it while it waits. */
  mostOvertakes?: number
  /** It wants the node for itself: until it has it, nobody who asks later gets anything, and nobody as long as it has it. */
  isAlone?: boolean
}

export interface HeldSlots {
  free: FreeResources
  /** Of `free`, what a job holds that asks for no cores or memory. */
  share: { cpus: number; memoryMb: number }
  take(need: Resources): Grant | null
  end(): void
}

interface Waiter {
  need: Resources
  isAlone: boolean
  overtakesLeft: number
  settle: (grant: Grant | null) => void
}

export const defaultOvertakes = 16

/** `gpuIds`: what the node's GPUs are called; by default indexes from 0. */
export function makeSlots(capacity: NodeCapacity, gpuIds: readonly GpuId[] = []): Slots {
  const allocator = makeNodeAllocator(capacity)
  const share = shareOf(capacity)
  const waiting: Waiter[] = []
  const givingUp = new WeakMap<AbortSignal, Set<() => void>>()
  let isHeld = false

  /** Those to be called when the signal is aborted. One listener for all: Node walks along all that a signal has for each that is added. */
  function givingUpWith(signal: AbortSignal): Set<() => void> {
    const known = givingUp.get(signal)
    if (known) return known
    const waiters = new Set<() => void>()
    givingUp.set(signal, waiters)
    signal.addEventListener('abort', () => {
      for (const giveUp of waiters) giveUp()
    })
    return waiters
  }

  function tryGrant(need: Resources, isAlone = false): Grant | null {
    const allocation = allocator.take(need, isAlone)
    return allocation && toGrant(need, allocation)
  }

  const toGrant = (need: Resources, allocation: Allocation): Grant => ({
    gpus: allocation.gpus.map((index) => gpuIds[index] ?? index),
    heldGpus: (allocation.gpus.length * allocation.sharesOfEach) / capacity.gpuShares,
    limits: limitsOf(need),
    allocation,
    release: makeRelease(allocation),
  })

  const limitsOf = (need: Resources): RunLimits => ({
    memoryMb: need.memoryMb || Math.min(capacity.memoryMb, Math.max(share.memoryMb, leastMemoryMb)),
    cpus: need.cpu || null,
  })

  function makeRelease(allocation: Allocation): () => void {
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      allocator.giveBack(allocation)
      serve()
    }
  }

  function serve(): void {
    for (let place = 0; !isHeld && allocator.hasFreeSlot();) {
      const waiter = waiting[place]
      if (!waiter) return
      const grant = tryGrant(waiter.need, waiter.isAlone)
      if (grant) {
        waiting.splice(place, 1)
        for (const overtaken of waiting.slice(0, place)) overtaken.overtakesLeft--
        waiter.settle(grant)
      } else if (waiter.overtakesLeft <= 0) return
      else place++
    }
  }

  return {
    adopt(need, allocation) {
      allocator.adopt(allocation)
      return toGrant(need, allocation)
    },
    canEverFit: (need) => allocator.canEverFit(need),
    holdFree() {
      isHeld = true
      return {
        free: allocator.free(),
        share,
        take: (need) => tryGrant(need),
        end() {
          isHeld = false
          serve()
        },
      }
    },
    take({ need, waitMs, signal, isAlone = false, mostOvertakes = isAlone ? 0 : defaultOvertakes }) {
      if (signal.aborted) return Promise.resolve(null)
      if (waiting.length === 0 && !isHeld) {
        const grant = tryGrant(need, isAlone)
        if (grant) return Promise.resolve(grant)
      }
      return new Promise((resolve) => {
        const giveUp = (): void => {
          waiting.splice(waiting.indexOf(waiter), 1)
          waiter.settle(null)
          serve() // those who could not overtake it
        }
        const timer = setTimeout(giveUp, waitMs)
        const others = givingUpWith(signal).add(giveUp)
        const waiter: Waiter = {
          need,
          isAlone,
          overtakesLeft: mostOvertakes,
          settle(grant) {
            clearTimeout(timer)
            others.delete(giveUp)
            resolve(grant)
          },
        }
        waiting.push(waiter)
        serve()
      })
    },
  }
}
