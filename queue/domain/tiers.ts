import { QueueError } from './errors.ts'
import type { Resources } from './job.ts'
import type { Escalation } from './job-state.ts'

/** A size of node. */
export interface Tier extends Resources {
  name: string
}

export const requirements = ['light', 'medium', 'heavy'] as const
export type Requirement = (typeof requirements)[number]

const tierOfRequirement: Record<Requirement, string> = { light: 'small', medium: 'medium', heavy: 'heavy' }

/** `large` is another name of the tier heavy, wherever a tier is named. */
export const canonicalTier = (name: string): string => (name === 'large' ? 'heavy' : name)

/**
 * The tier that a job goes to: the one that its requirement names, or the smallest (first in the table) that fits its resources; with both,
 * the resources must fit the named tier. A job that asks for nothing is light. What it does not name it asks nothing of.
 * @throws NO_TIER_FITS, naming the largest tier
 */
export function routeToTier(
  tiers: readonly Tier[],
  need: { requirement?: Requirement | undefined; resources?: Partial<Resources> | undefined },
): Tier {
  const { resources } = need
  const requirement = need.requirement ?? (resources ? undefined : 'light')
  if (requirement === undefined) {
    const tier = tiers.find((candidate) => fits(candidate, resources ?? {}))
    if (tier) return tier
    throw new QueueError(
      'NO_TIER_FITS',
      `No tier has ${describeResources(resources ?? {})}; ${largest(tiers)}.`,
      {
        fields: misfits(tiers, resources ?? {}),
      },
    )
  }
  const name = tierOfRequirement[requirement]
  const tier = tiers.find((candidate) => candidate.name === name)
  if (!tier) {
    throw new QueueError(
      'NO_TIER_FITS',
      `The requirement ${requirement} means the tier ${name}, which is not configured; the tiers are ${tiers.map((t) => t.name).join(', ')}.`,
      {
        fields: [{ path: 'requirement', message: `no tier ${name} is configured` }],
      },
    )
  }
  if (resources && !fits(tier, resources)) {
    throw new QueueError(
      'NO_TIER_FITS',
      `The requirement ${requirement} means the tier ${tier.name} (${describeResources(tier)}), which does not have ${describeResources(resources)}; leave requirement out to get the smallest tier that fits, ${largest(tiers)}.`,
      { fields: misfits([tier], resources) },
    )
  }
  return tier
}

/**
 * Where a job goes on that needed more than `limitMb` MiB: the next tier of the table with more memory than its own and all else that it asks for, with
 * twice the memory that it may use, at most what the largest node there has (`nodeMemoryMb`, undefined where none is up). Null when there is none.
 */
export function escalate(
  tiers: readonly Tier[],
  job: { tier: string; resources: Resources; limitMb: number },
  nodeMemoryMb: (tier: string) => number | undefined,
): Escalation | null {
  const place = tiers.findIndex(({ name }) => name === job.tier)
  const own = tiers[place]
  if (!own) return null
  for (const tier of tiers.slice(place + 1)) {
    const roomMb = nodeMemoryMb(tier.name) ?? tier.memoryMb
    if (tier.memoryMb > own.memoryMb && roomMb > job.limitMb && fits(tier, job.resources))
      return { tier: tier.name, memoryMb: Math.min(2 * job.limitMb, roomMb) }
  }
  return null
}

function fits(tier: Tier, resources: Partial<Resources>): boolean {
  return (
    (resources.cpu ?? 0) <= tier.cpu &&
    (resources.memoryMb ?? 0) <= tier.memoryMb &&
    (resources.gpu ?? 0) <= tier.gpu
  )
}

function misfits(tiers: readonly Tier[], resources: Partial<Resources>) {
  return (['cpu', 'memoryMb', 'gpu'] as const)
    .map((name) => ({
      name,
      asked: resources[name] ?? 0,
      most: Math.max(...tiers.map((tier) => tier[name])),
    }))
    .filter(({ asked, most }) => asked > most)
    .map(({ name, asked, most }) => ({
      path: `resources.${name}`,
      message: `${String(asked)} is more than the ${String(most)} that the largest node has`,
    }))
}

function largest(tiers: readonly Tier[]): string {
  const tier = tiers.at(-1)
  return tier ? `the largest is ${tier.name} (${describeResources(tier)})` : 'no tier is configured'
}

/** For people. */
export function describeResources({ cpu, memoryMb, gpu }: Partial<Resources>): string {
  const parts = [
    cpu === undefined ? '' : `${String(cpu)} cpu`,
    memoryMb === undefined ? '' : `${String(memoryMb)} MiB`,
    gpu === undefined ? '' : `${String(gpu)} gpu`,
  ]
  return parts.filter(Boolean).join(', ') || 'what was asked'
}

/** What a job asks for, for people: without what it does not ask for. */
export const describeNeed = ({ cpu, memoryMb, gpu }: Resources): string =>
  describeResources({ ...(cpu > 0 && { cpu }), ...(memoryMb > 0 && { memoryMb }), ...(gpu > 0 && { gpu }) })
