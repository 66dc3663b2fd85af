import { expect, test } from '@jest/globals'
import { send } from '../../ops/local/processes.ts'
import { readChildren } from '../../workers/executors/proc.ts'
import { adminPassword, freePort, jwtSecret, startProcess } from '../support/platform.ts'
import { testBlobDir } from '../support/test-blobs.ts'
import { testDatabase } from '../support/test-database.ts'
import { testRedis } from '../support/test-redis.ts'
import { waitFor } from '../support/wait-for.ts'

const startsMs = 20_000

async function aMaster(settings: Record<string, string> = {}) {
  const port = await freePort()
  const master = startProcess('ops/master.ts', {
    DATABASE_URL: await testDatabase(),
    REDIS_URL: await testRedis(),
    PORT: String(port),
    GRPC_PORT: '0',
    AUTH_JWT_SECRET: jwtSecret,
    ADMIN_PASSWORD: adminPassword,
    BLOB_DIR: testBlobDir(),
    LOG_FORMAT: 'console',
    ...settings,
  })
  const health = () =>
    fetch(`http://127.0.0.1:${String(port)}/health`).then(
      ({ status }) => status,
      () => undefined,
    )
  return { ...master, health, parts: () => readChildren(master.child.pid ?? 0) }
}

test('a master is a gateway and ops, which come back when they are killed, and stop in order', async () => {
  const master = await aMaster({ SHUTDOWN_DELAY_MS: '300' })
  const isUp = async () => (await master.health()) === 200
  await waitFor(isUp, { timeoutMs: startsMs })
  const before = master.parts()
  expect(before).toHaveLength(2)
  for (const pid of before) send(pid, 'SIGKILL')
  await waitFor(
    () => {
      const now = master.parts()
      return now.length === 2 && now.every((pid) => !before.includes(pid))
    },
    { timeoutMs: startsMs },
  )
  await waitFor(isUp, { timeoutMs: startsMs })

  master.child.kill('SIGHUP')
  const reloaded = (part: string) =>
    new RegExp(`configuration read again.*process=${part}`).test(master.output())
  await waitFor(() => reloaded('gateway') && reloaded('ops'))
  expect(await master.health()).toBe(200)

  const stopped = master.stop()
  await waitFor(async () => (await master.health()) === 503)
  expect(await stopped).toBe(0)
  expect(await master.health()).toBeUndefined()
})

test('a master whose gateway can not start exits 1, with what is wrong in its output', async () => {
  const master = await aMaster({ AUTH_JWT_SECRET: 'short' })
  expect(await master.stop('SIGCONT')).toBe(1)
  expect(master.output()).toContain('AUTH_JWT_SECRET: must be at least 32 bytes')
  expect(master.output()).toContain('gateway does not start')
})
