import type { GatewayDeps } from '../../gateway-deps.ts'
import type { Service } from '../method.ts'
import { cancelJobMethod } from './cancel-job.ts'
import { getJobMethod } from './get-job.ts'
import { listTiersMethod } from './list-tiers.ts'

export const jobService = (deps: GatewayDeps): Service => ({
  name: 'noodle.v1.JobService',
  methods: {
    Get: getJobMethod(deps),
    Cancel: cancelJobMethod(deps),
    ListTiers: listTiersMethod(deps),
  },
})
