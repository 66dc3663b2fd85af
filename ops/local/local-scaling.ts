import type { ScalingPolicyFields } from '../../core/options/scaling-options.ts'

/** SCALING_POLICIES where nobody sets it: the worker that `up` keeps itself is the least of a tier, and all of them share this machine. */
export const localScalingPolicies: Readonly<Record<string, ScalingPolicyFields>> = {
  default: { min: 1, max: 4 },
}
