import type { ListTiersRequest__Output } from '../../../proto/generated/noodle/v1/ListTiersRequest.ts'
import type { ListTiersResponse } from '../../../proto/generated/noodle/v1/ListTiersResponse.ts'
import { listTiers } from '../../../queue/use-cases/tier-status.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { toTierView } from '../../contract/tier-view.ts'
import { unary } from '../method.ts'

export const listTiersMethod = (deps: GatewayDeps) =>
  unary<ListTiersRequest__Output, ListTiersResponse>({
    access: 'read',
    async handle() {
      return { items: (await listTiers(deps.queue, await deps.fleet())).map(toTierView) }
    },
  })
