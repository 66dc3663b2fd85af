import type { Resources } from '../domain/job.ts'

export interface NodeCapacity {
  /** Jobs at once, whatever they ask for. */
  slots: number
  /** Cores; fractions are allowed. */
  cpus: number
  memoryMb: number
  gpus: number
  /** Into how many parts each GPU may be divided, for jobs that ask for a fraction of one. */
  gpuShares: number
}

/** What a job holds of a node, until it is given back. */
export interface Allocation {
  slots: number
  /** 1000 for a core. */
  milliCpus: number
  memoryMb: number
  /** Indices of GPUs, from 0, ascending. */
  gpus: readonly number[]
  /** Parts of each of them, of `gpuShares`. */
  sharesOfEach: number
}

/**
 * Packs jobs on a node so that they never hold more than it has. Cores and memory that a job does not ask for (0) are a slot's share of the node: jobs
 * that ask for nothing fill exactly the slots. A GPU is held whole, or in shares by those who asked for a fraction, rounded up to whole shares.
 */
export interface NodeAllocator {
  /** Null when it does not fit now. Alone it takes all slots, cores and memory, and fits only when nothing else is taken. */
  take(need: Resources, isAlone?: boolean): Allocation | null
  /** Takes what was given before, by another allocator of the same node, whether it fits here or not. */
  adopt(allocation: Allocation): void
  giveBack(allocation: Allocation): void
  /** True when it fits the empty node. */
  canEverFit(need: Resources): boolean
  hasFreeSlot(): boolean
  free(): FreeResources
}

/** `gpus` counts those of which nothing is held. */
export type FreeResources = Pick<NodeCapacity, 'slots' | 'cpus' | 'memoryMb' | 'gpus'>

export function makeNodeAllocator(capacity: NodeCapacity): NodeAllocator {
  const { gpuShares } = capacity
  const all = { slots: capacity.slots, milliCpus: toMilli(capacity.cpus), memoryMb: capacity.memoryMb }
  const share = shareOf(capacity)
  const free = { ...all }
  const freeShares = Array.from({ length: capacity.gpus }, () => gpuShares)

  const milliCpusOf = (need: Resources): number => (need.cpu > 0 ? toMilli(need.cpu) : toMilli(share.cpus))
  const memoryOf = (need: Resources): number => (need.memoryMb > 0 ? need.memoryMb : share.memoryMb)
  const fitsWithoutGpu = (need: Resources, room: typeof all): boolean =>
    room.slots >= 1 && milliCpusOf(need) <= room.milliCpus && memoryOf(need) <= room.memoryMb

  /** Null when there are not enough. A fraction goes where the least is left that suffices, so that whole ones stay free. */
  function findGpus(need: Resources): Pick<Allocation, 'gpus' | 'sharesOfEach'> | null {
    if (need.gpu === 0) return { gpus: [], sharesOfEach: 0 }
    if (need.gpu < 1) {
      const sharesOfEach = sharesFor(need.gpu, gpuShares)
      const [fullest] = [...freeShares.keys()]
        .filter((gpu) => (freeShares[gpu] ?? 0) >= sharesOfEach)
        .sort((a, b) => (freeShares[a] ?? 0) - (freeShares[b] ?? 0))
      return fullest === undefined ? null : { gpus: [fullest], sharesOfEach }
    }
    const whole = [...freeShares.keys()].filter((gpu) => freeShares[gpu] === gpuShares)
    const count = Math.ceil(need.gpu)
    return whole.length < count ? null : { gpus: whole.slice(0, count), sharesOfEach: gpuShares }
  }

  function adopt({ slots, milliCpus, memoryMb, gpus, sharesOfEach }: Allocation): void {
    free.slots -= slots
    free.milliCpus -= milliCpus
    free.memoryMb -= memoryMb
    for (const gpu of gpus) freeShares[gpu] = (freeShares[gpu] ?? 0) - sharesOfEach
  }

  return {
    take(need, isAlone = false) {
      if (!fitsWithoutGpu(need, free) || (isAlone && free.slots < all.slots)) return null
      const gpus = findGpus(need)
      if (!gpus) return null
      const part = isAlone ? all : { slots: 1, milliCpus: milliCpusOf(need), memoryMb: memoryOf(need) }
      const allocation = { ...part, ...gpus }
      adopt(allocation)
      return allocation
    },
    adopt,
    giveBack({ slots, milliCpus, memoryMb, gpus, sharesOfEach }) {
      free.slots += slots
      free.milliCpus += milliCpus
      free.memoryMb += memoryMb
      for (const gpu of gpus) freeShares[gpu] = (freeShares[gpu] ?? 0) + sharesOfEach
    },
    canEverFit: (need) => fitsWithoutGpu(need, all) && Math.ceil(need.gpu) <= capacity.gpus,
    hasFreeSlot: () => free.slots > 0,
    free: () => ({
      slots: Math.max(0, free.slots),
      cpus: Math.max(0, free.milliCpus / 1000),
      memoryMb: Math.max(0, free.memoryMb),
      gpus: freeShares.filter((shares) => shares === gpuShares).length,
    }),
  }
}

/** What a slot has of the node: cores rounded down to thousandths, memory to MiB. */
export const shareOf = ({
  slots,
  cpus,
  memoryMb,
}: Pick<NodeCapacity, 'slots' | 'cpus' | 'memoryMb'>): { cpus: number; memoryMb: number } => ({
  cpus: Math.floor(toMilli(cpus) / slots) / 1000,
  memoryMb: Math.floor(memoryMb / slots),
})

/** A rounding error of the fraction must not cost a share: 0.1 of 10 is one, though 0.1 as Postgres' real is a little more. */
const sharesFor = (fraction: number, gpuShares: number): number =>
  Math.max(1, Math.ceil(fraction * gpuShares - 1e-6))

const toMilli = (cpus: number): number => Math.round(cpus * 1000)
