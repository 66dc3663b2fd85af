import { QueueError } from '../../queue/domain/errors.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { countRequest, tooManyRequests } from '../limits/requests.ts'
import type { CallContext } from './call-context.ts'
import type { Access, Method } from './method.ts'

/** Who calls, how often, and whether they may. @throws BAD_TOKEN, NOT_PERMITTED, TOO_MANY */
export async function admit(deps: GatewayDeps, method: Method, call: CallContext): Promise<void> {
  let refusal: unknown
  try {
    call.actor = await deps.auth.authenticate(call.metadata('authorization'))
  } catch (error) {
    refusal = error
  }
  // Counted before a bad token is told of, so that nobody tries tokens without end.
  if (!method.isUnlimited) countCall(deps, call)
  if (method.access !== 'anyone' && refusal !== undefined) throw refusal as Error
  permit(deps, method.access, call)
}

/** Together with the requests over HTTP. */
function countCall(deps: GatewayDeps, call: CallContext): void {
  const count = countRequest(deps, call.actor, call.address)
  if (count && count.total > count.limit) throw tooManyRequests(count.limit, count.resetMs)
}

function permit(deps: GatewayDeps, access: Access, { actor }: CallContext): void {
  if (access === 'anyone') return
  if (!actor)
    throw new QueueError(
      'BAD_TOKEN',
      'An access token is needed: send the metadata `authorization: Bearer …`; POST /v1/auth/token gives one.',
    )
  if (access !== 'authenticated') deps.auth.require(actor, access)
}

/** Once more, for a stream that is open. @throws BAD_TOKEN, NOT_PERMITTED */
export async function reauthenticate(deps: GatewayDeps, method: Method, call: CallContext): Promise<void> {
  if (method.access === 'anyone') return
  call.actor = await deps.auth.authenticate(call.metadata('authorization'))
  permit(deps, method.access, call)
}
