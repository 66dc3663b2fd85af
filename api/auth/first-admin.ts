import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { hashPassword } from './password.ts'

/** Makes `admin` when there is no user at all and a password for it is configured; else the way in is told in the log. */
export async function makeFirstAdmin(
  deps: Pick<QueueDeps, 'users' | 'newId' | 'log'>,
  password: string | undefined,
): Promise<void> {
  if (!(await deps.users.isEmpty())) return
  if (password === undefined) {
    deps.log.warn(
      'there is no user yet; set ADMIN_PASSWORD and start the gateway again to make the user admin',
    )
    return
  }
  const isMade = await deps.users.insertFirst({
    id: deps.newId(),
    username: 'admin',
    passwordHash: await hashPassword(password),
    role: 'admin',
    tenant: 'default',
  })
  if (isMade) deps.log.info('first user made', { username: 'admin' })
}
