import { ConfigError } from '../../core/config.ts'
import type { ScalingPolicyFields } from '../../core/options/scaling-options.ts'
import { defaultPolicy, type ScalingPolicy } from '../domain/scaling/policy.ts'
import { canonicalTier, type Tier } from '../domain/tiers.ts'

/** The policies of the tiers: what is built in, over it what is configured for all, then for the tier, then what was changed by the API. */
export interface ScalingPolicies {
  /** What holds. Where a change of before meets a configuration of now that it does not fit, it is made to, and `misfit` says how. */
  of: (tier: string, changes?: ScalingPolicyFields) => ScalingPolicy
  /** What does not go together, for a change that may still be refused; null when all does. */
  misfitOf: (tier: string, changes: ScalingPolicyFields) => Misfit | null
}

export interface Misfit {
  path: string
  message: string
}

/** Of `SCALING_POLICIES`, for all tiers. */
const forAll = 'default'

/** @throws ConfigError for a tier that is not there, and for fields that do not go together */
export function makeScalingPolicies(
  tiers: readonly Tier[],
  configured: Readonly<Record<string, ScalingPolicyFields>>,
): ScalingPolicies {
  const own = new Map(Object.entries(configured).map(([name, fields]) => [canonicalTier(name), fields]))
  const names = [forAll, ...tiers.map(({ name }) => name)]
  const problems = [...own.keys()]
    .filter((name) => !names.includes(name))
    .map((name) => `SCALING_POLICIES: there is no tier ${name}; the keys are ${names.join(', ')}.`)
  const merged = (tier: string, changes: ScalingPolicyFields = {}): ScalingPolicy =>
    merge([own.get(forAll) ?? {}, own.get(tier) ?? {}, changes])
  for (const { name } of tiers) {
    const problem = misfitOf(merged(name))
    if (problem) problems.push(`SCALING_POLICIES: for the tier ${name} ${problem.path} ${problem.message}.`)
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return {
    of: (tier, changes) => fit(merged(tier, changes)),
    misfitOf: (tier, changes) => misfitOf(merged(tier, changes)),
  }
}

/** As makeScalingPolicies, of options that a reload changes. @throws ConfigError for those of now; those of a reload have to be checked before they are taken over */
export function makeLiveScalingPolicies(config: {
  readonly TIERS: readonly Tier[]
  readonly SCALING_POLICIES: Readonly<Record<string, ScalingPolicyFields>>
}): ScalingPolicies {
  let configured = config.SCALING_POLICIES
  let policies = makeScalingPolicies(config.TIERS, configured)
  const current = (): ScalingPolicies => {
    if (configured !== config.SCALING_POLICIES) {
      configured = config.SCALING_POLICIES
      policies = makeScalingPolicies(config.TIERS, configured)
    }
    return policies
  }
  return {
    of: (tier, changes) => current().of(tier, changes),
    misfitOf: (tier, changes) => current().misfitOf(tier, changes),
  }
}

/** No more nodes than the lower of both limits: what they cost is bounded by whoever bounds it closer. */
function fit(policy: ScalingPolicy): ScalingPolicy {
  const problem = misfitOf(policy)
  if (!problem) return policy
  const misfit = `The policy does not go together: ${problem.path} ${problem.message}.`
  if (problem.path !== 'min') return { ...policy, misfit }
  const max = String(policy.max)
  return { ...policy, min: policy.max, misfit: `${misfit} It counts as ${max}.` }
}

function misfitOf({ mode, min, max, replicas }: ScalingPolicy): Misfit | null {
  if (min > max) return { path: 'min', message: `is ${String(min)}, more than max, which is ${String(max)}` }
  if (mode === 'manual' && replicas === undefined)
    return { path: 'replicas', message: 'must be given in the mode manual: how many nodes to keep' }
  return null
}

function merge(layers: readonly ScalingPolicyFields[]): ScalingPolicy {
  const { override, ...fields } = Object.assign({}, ...layers.map(present)) as ScalingPolicyFields
  return {
    ...defaultPolicy,
    ...(fields as Partial<ScalingPolicy>),
    ...(override && { override: { replicas: override.replicas, untilMs: Date.parse(override.until) } }),
  }
}

/** Without the fields that are undefined: they would hide those below. */
const present = (fields: ScalingPolicyFields): ScalingPolicyFields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
