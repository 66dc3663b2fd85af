import { QueueError } from '../../../queue/domain/errors.ts'
import type { Actor } from '../../../queue/domain/user.ts'
import { setSecret } from '../../../queue/use-cases/set-secret.ts'
import { pageOf } from '../../contract/page-shapes.ts'
import { secretParam, secretQuery, secretView, setSecretBody } from '../../contract/secret-shapes.ts'
import { audit } from '../audit.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, route } from '../route.ts'

/** Whose secrets a call is about. @throws NOT_PERMITTED when it is not for the actor to say */
function tenantOf(actor: Actor, asked: string | undefined): string {
  if (asked !== undefined && asked !== actor.tenant && actor.role !== 'admin')
    throw new QueueError(
      'NOT_PERMITTED',
      `Only admins work with the secrets of another tenant; leave tenant out for those of ${actor.tenant}.`,
    )
  return asked ?? actor.tenant
}

export const secretRoutes = (deps: GatewayDeps) => [
  route({
    method: 'get',
    path: '/v1/secrets',
    access: 'read',
    tag: 'Secrets',
    summary: 'List the secrets of a tenant, by name',
    description: 'Names only: no call tells a value.',
    query: secretQuery,
    responses: { 200: { description: 'All secrets of the tenant', schema: pageOf(secretView) } },
    async handle(call) {
      const tenant = tenantOf(actorOf(call), call.query.tenant)
      return { status: 200, body: { items: await deps.queue.secrets.list(tenant), nextCursor: null } }
    },
  }),
  route({
    method: 'put',
    path: '/v1/secrets/:name',
    access: 'write',
    tag: 'Secrets',
    summary: 'Set a secret, for tasks that ask for it by name',
    description: 'Runs that begin afterwards get the new value.',
    params: secretParam,
    query: secretQuery,
    body: setSecretBody,
    responses: {
      200: { description: 'Set anew', schema: secretView },
      201: { description: 'Made', schema: secretView },
      422: { description: 'Secrets are not kept here, or the tenant has too many' },
    },
    async handle(call) {
      const place = { tenant: tenantOf(actorOf(call), call.query.tenant), name: call.params.name }
      const entry = await setSecret(deps.queue, deps.secretBox, place, call.body.value)
      await audit(deps, call, 'secret.set', `${place.tenant}/${place.name}`, { version: entry.version })
      return { status: entry.version === 1 ? 201 : 200, body: entry }
    },
  }),
  route({
    method: 'delete',
    path: '/v1/secrets/:name',
    access: 'write',
    tag: 'Secrets',
    summary: 'Remove a secret',
    description: 'Runs that have it go on with it; those that begin afterwards fail without it.',
    params: secretParam,
    query: secretQuery,
    responses: { 204: { description: 'Removed' }, 404: { description: 'No such secret' } },
    async handle(call) {
      const place = { tenant: tenantOf(actorOf(call), call.query.tenant), name: call.params.name }
      if (!(await deps.queue.secrets.remove(place)))
        throw new QueueError('SECRET_NOT_FOUND', `The tenant ${place.tenant} has no secret ${place.name}.`)
      await audit(deps, call, 'secret.remove', `${place.tenant}/${place.name}`, {})
      return { status: 204 }
    },
  }),
]
