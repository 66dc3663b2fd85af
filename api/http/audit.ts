import type { AuditEntry } from '../../queue/store/audit-table.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { actorOf, type Call } from './route.ts'

/** Writes down who did what by this call. */
export async function audit(
  deps: GatewayDeps,
  call: Pick<Call<unknown, unknown, unknown>, 'actor' | 'address' | 'requestId'>,
  action: string,
  target: string,
  details: AuditEntry['details'],
): Promise<void> {
  const { userId, username, tenant } = actorOf(call)
  await deps.queue.audit.append({
    id: deps.queue.newId(),
    userId,
    username,
    tenant,
    action,
    target,
    network: call.address(),
    requestId: call.requestId,
    details,
  })
}
