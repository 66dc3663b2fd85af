import { z } from 'zod'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { User } from '../../../queue/domain/user.ts'
import { hashPassword } from '../../auth/password.ts'
import { idParam, pageOf, pageQuery, readCursor, toPage } from '../../contract/page-shapes.ts'
import { auditView, changeUserBody, createUserBody, userView } from '../../contract/user-shapes.ts'
import { audit } from '../audit.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { route } from '../route.ts'

const toUserView = ({ id, username, role, tenant, disabledAt, createdAt }: User) => ({
  id,
  username,
  role,
  tenant,
  disabledAt,
  createdAt,
})

const notFound = (id: string): QueueError => new QueueError('USER_NOT_FOUND', `There is no user ${id}.`)
const lastAdmin = (): QueueError =>
  new QueueError('LAST_ADMIN', 'This is the last admin who can log in; make another one first.')

export const userRoutes = (deps: GatewayDeps) => [
  route({
    method: 'post',
    path: '/v1/users',
    access: 'manage',
    tag: 'Users',
    summary: 'Make a user',
    body: createUserBody,
    responses: { 201: { description: 'Made', schema: userView }, 409: { description: 'The name is taken' } },
    async handle(call) {
      const { username, password, role, tenant } = call.body
      const user = await deps.queue.users.insert({
        id: deps.queue.newId(),
        username,
        passwordHash: await hashPassword(password),
        role,
        tenant,
      })
      if (!user)
        throw new QueueError('USERNAME_TAKEN', `There is a user ${username} already.`, {
          fields: [{ path: 'username', message: 'is taken' }],
        })
      await audit(deps, call, 'user.create', user.id, { username, role, tenant })
      return { status: 201, headers: { Location: `/v1/users/${user.id}` }, body: toUserView(user) }
    },
  }),
  route({
    method: 'get',
    path: '/v1/users',
    access: 'manage',
    tag: 'Users',
    summary: 'List users, newest first',
    query: z.strictObject(pageQuery),
    responses: { 200: { description: 'A page of users', schema: pageOf(userView) } },
    async handle(call) {
      const { limit, cursor } = call.query
      const users = await deps.queue.users.list({ limit: limit + 1, before: readCursor(cursor) })
      return { status: 200, body: toPage(users, limit, (user) => user.id, toUserView) }
    },
  }),
  route({
    method: 'get',
    path: '/v1/users/:id',
    access: 'manage',
    tag: 'Users',
    summary: 'Read a user',
    params: idParam,
    responses: { 200: { description: 'The user', schema: userView }, 404: { description: 'No such user' } },
    async handle(call) {
      const user = await deps.queue.users.find(call.params.id)
      if (!user) throw notFound(call.params.id)
      return { status: 200, body: toUserView(user) }
    },
  }),
  route({
    method: 'patch',
    path: '/v1/users/:id',
    access: 'manage',
    tag: 'Users',
    summary: 'Change a user',
    description: "All the user's tokens end with it: at once as a rule, within five seconds at most.",
    params: idParam,
    body: changeUserBody,
    responses: {
      200: { description: 'The user', schema: userView },
      404: { description: 'No such user' },
      409: { description: 'The last admin must stay' },
    },
    async handle(call) {
      const { password, role, disabled } = call.body
      const passwordHash = password === undefined ? undefined : await hashPassword(password)
      const user = await deps.queue.users.update(call.params.id, { passwordHash, role, isDisabled: disabled })
      if (user === 'last-admin') throw lastAdmin()
      if (!user) throw notFound(call.params.id)
      await deps.queue.cache.forgetUser(user.id)
      await audit(deps, call, 'user.change', user.id, {
        hasNewPassword: password !== undefined,
        ...(role !== undefined && { role }),
        ...(disabled !== undefined && { disabled }),
      })
      return { status: 200, body: toUserView(user) }
    },
  }),
  route({
    method: 'delete',
    path: '/v1/users/:id',
    access: 'manage',
    tag: 'Users',
    summary: 'Remove a user',
    description: "The user's jobs stay.",
    params: idParam,
    responses: {
      204: { description: 'Removed' },
      404: { description: 'No such user' },
      409: { description: 'The last admin must stay' },
    },
    async handle(call) {
      const outcome = await deps.queue.users.remove(call.params.id)
      if (outcome === 'last-admin') throw lastAdmin()
      if (outcome === 'not-found') throw notFound(call.params.id)
      await deps.queue.cache.forgetUser(call.params.id)
      await audit(deps, call, 'user.remove', call.params.id, {})
      return { status: 204 }
    },
  }),
  route({
    method: 'get',
    path: '/v1/audit',
    access: 'manage',
    tag: 'Users',
    summary: 'Who did what, newest first',
    query: z.strictObject(pageQuery),
    responses: { 200: { description: 'A page of entries', schema: pageOf(auditView) } },
    async handle(call) {
      const { limit, cursor } = call.query
      const entries = await deps.queue.audit.list({ limit: limit + 1, before: readCursor(cursor) })
      return {
        status: 200,
        body: toPage(
          entries,
          limit,
          (entry) => entry.id,
          (entry) => entry,
        ),
      }
    },
  }),
]
