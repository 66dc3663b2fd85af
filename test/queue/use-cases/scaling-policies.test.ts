import { expect, test } from '@jest/globals'
import type { ScalingPolicyFields } from '../../../core/options/scaling-options.ts'
import { makeLiveScalingPolicies } from '../../../queue/use-cases/scaling-policies.ts'

const tiers = [{ name: 'small', cpu: 1, memoryMb: 1024, gpu: 0 }]

test.each<[string, ScalingPolicyFields, ScalingPolicyFields, string]>([
  ['a min of before', { min: 5 }, { max: 3 }, 'min is 5, more than max, which is 3. It counts as 3.'],
  ['a max of before', { max: 3 }, { min: 5 }, 'min is 5, more than max, which is 3. It counts as 3.'],
])(
  '%s that a reload contradicts gives way to the lower limit, and says so',
  (_, changed, reloaded, misfit) => {
    const config = { TIERS: tiers, SCALING_POLICIES: {} as Record<string, ScalingPolicyFields> }
    const policies = makeLiveScalingPolicies(config)
    expect(policies.of('small', changed)).not.toHaveProperty('misfit')
    config.SCALING_POLICIES = { small: reloaded }
    expect(policies.of('small', changed)).toMatchObject({
      ...{ min: 3, max: 3 },
      misfit: `The policy does not go together: ${misfit}`,
    })
    // Who changes it now is refused.
    expect(policies.misfitOf('small', changed)).toMatchObject({ path: 'min' })
    expect(policies.of('small')).not.toHaveProperty('misfit')
  },
)

test('the mode manual without a number is told, and the number stays', () => {
  const config = {
    TIERS: tiers,
    SCALING_POLICIES: { small: { replicas: 4 } } as Record<string, ScalingPolicyFields>,
  }
  const policies = makeLiveScalingPolicies(config)
  expect(policies.of('small', { mode: 'manual' })).toMatchObject({ replicas: 4 })
  config.SCALING_POLICIES = {}
  expect(policies.of('small', { mode: 'manual' }).misfit).toContain(
    'replicas must be given in the mode manual',
  )
})
