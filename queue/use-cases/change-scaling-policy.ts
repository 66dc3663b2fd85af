import { QueueError } from '../domain/errors.ts'
import type { QueueDeps } from './queue-deps.ts'
import type { ScalingPolicies } from './scaling-policies.ts'
import { knownTier } from './scaling-target.ts'

/**
 * Sets fields of how a tier is scaled; null gives one its configured value back. The next decision goes by it.
 * @returns the tier's name as it is configured
 * @throws TIER_NOT_FOUND; POLICY_MISFIT for fields that do not go together
 */
export async function changeScalingPolicy(
  deps: Pick<QueueDeps, 'scaling' | 'tiers'>,
  policies: ScalingPolicies,
  asked: string,
  changes: Readonly<Record<string, unknown>>,
): Promise<string> {
  const tier = knownTier(deps, asked)
  const state = await deps.scaling.findState(tier)
  const changed = Object.entries<unknown>({ ...state?.policy, ...changes }).filter(
    ([, value]) => value !== null,
  )
  const misfit = policies.misfitOf(tier, Object.fromEntries(changed))
  if (misfit) throw new QueueError('POLICY_MISFIT', `${misfit.path} ${misfit.message}.`, { fields: [misfit] })
  await deps.scaling.changePolicy(tier, changes)
  return tier
}
