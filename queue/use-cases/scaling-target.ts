import { QueueError } from '../domain/errors.ts'
import type { ScalingPolicy } from '../domain/scaling/policy.ts'
import { canonicalTier } from '../domain/tiers.ts'
import type { ScalingState } from '../store/scaling-table.ts'
import type { QueueDeps } from './queue-deps.ts'
import type { ScalingPolicies } from './scaling-policies.ts'

/** A decision that is older tells nothing any more: nobody decides. */
export const freshDecisionMs = 60_000

/**
 * How many nodes others, who start and stop them, should see to: what was decided last. Signals that ops can not read have their answer there already,
 * for then it stays at what it was.
 * @throws TIER_NOT_FOUND; NO_SCALING_TARGET where a number would be a guess, or is for nobody to act on
 */
export async function readScalingTarget(
  deps: Pick<QueueDeps, 'scaling' | 'tiers'>,
  policies: ScalingPolicies,
  asked: string,
): Promise<number> {
  const tier = knownTier(deps, asked)
  const state = await deps.scaling.findState(tier)
  const target = targetOf(state, policies.of(tier, state?.policy))
  if (target !== null) return target
  throw new QueueError(
    'NO_SCALING_TARGET',
    isFresh(state)
      ? `The mode of the tier ${tier} is dryRun: what is decided is for nobody to act on.`
      : `Nothing was decided for the tier ${tier} within ${String(freshDecisionMs / 1000)} s; ops decides each few seconds while it runs.`,
  )
}

/** As `readScalingTarget`, with null for its error. */
export const targetOf = (state: ScalingState | null, { mode }: Pick<ScalingPolicy, 'mode'>): number | null =>
  mode !== 'dryRun' && isFresh(state) ? (state?.desired ?? null) : null

const isFresh = (state: ScalingState | null): boolean =>
  state?.ageMs !== undefined && state.ageMs !== null && state.ageMs < freshDecisionMs

/** The name of a tier as it is configured. @throws TIER_NOT_FOUND */
export function knownTier({ tiers }: Pick<QueueDeps, 'tiers'>, asked: string): string {
  const name = canonicalTier(asked)
  if (tiers.some((tier) => tier.name === name)) return name
  throw new QueueError(
    'TIER_NOT_FOUND',
    `There is no tier ${asked}; there are ${tiers.map((tier) => tier.name).join(', ')}.`,
  )
}
