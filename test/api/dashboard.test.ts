import { beforeAll, expect, test } from '@jest/globals'
import { hashPassword } from '../../api/auth/password.ts'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'
import { pageTest } from '../support/page-test.ts'
import { dispatchJobs } from '../support/test-queue.ts'

const password = 'correct horse battery staple'
let gateway: TestGateway
let jobId: string

beforeAll(async () => {
  gateway = await openTestGateway({ RATE_LIMIT_LOGINS_PER_NETWORK: '0' })
  const passwordHash = await hashPassword(password)
  for (const [username, role] of [
    ['root', 'admin'],
    ['plain', 'user'],
    ['node', 'worker'],
  ] as const) {
    await gateway.deps.users.insert({
      id: gateway.deps.newId(),
      username,
      passwordHash,
      role,
      tenant: 'default',
    })
  }
  const { body } = await gateway.call('POST', '/v1/jobs', {
    token: await gateway.tokenOf('user'),
    body: { task: 'echo', payload: { secret: 'payload-canary' } },
  })
  jobId = body.id as string
  await dispatchJobs(gateway.deps)
})

async function logIn(username: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.url}/admin/login`, {
    method: 'POST',
    body: new URLSearchParams({ username, password }),
    headers,
    redirect: 'manual',
  })
  return {
    status: response.status,
    cookie: response.headers.get('Set-Cookie'),
    place: response.headers.get('Location'),
  }
}

const cookieOf = ({ cookie }: { cookie: string | null }): string => cookie?.split(';')[0] ?? ''

const get = (path: string, cookie: string) =>
  fetch(gateway.url + path, { headers: { Cookie: cookie, Accept: 'application/json' }, redirect: 'manual' })

test('an admin gets a cookie that scripts and other sites can not use, a user one that opens less, and nobody is sent to the login', async () => {
  const admin = await logIn('root')
  expect(admin).toMatchObject({ status: 303, place: '/admin/queues/' })
  expect(admin.cookie).toMatch(
    /^noodle_admin=[^;]+; Max-Age=28800; Path=\/admin; Expires=[^;]+; HttpOnly; SameSite=Strict$/,
  )
  const user = await logIn('plain')
  expect(user).toMatchObject({ status: 303, place: '/admin/scaling' })
  expect((await get('/admin/queues/api/queues', cookieOf(user))).status).toBe(403)
  expect(await logIn('node')).toMatchObject({ status: 403, cookie: null })
  const anonymous = await fetch(`${gateway.url}/admin/queues/`, {
    headers: { Accept: 'text/html' },
    redirect: 'manual',
  })
  expect([anonymous.status, anonymous.headers.get('Location')]).toEqual([303, '/admin/login'])
  expect((await get('/admin/queues/api/queues', '')).status).toBe(401)
})

test('a form of another site logs nobody in', async () => {
  expect((await logIn('root', { Origin: 'https://evil.example' })).status).toBe(403)
  expect((await logIn('root', { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403)
  expect((await logIn('root', { Origin: gateway.url })).status).toBe(303)
})

test('an API token does not open the board', async () => {
  expect(
    (await get('/admin/queues/api/queues', `noodle_admin=${await gateway.tokenOf('admin')}`)).status,
  ).toBe(401)
})

test('the board shows ids and nothing of the payload, and changes nothing', async () => {
  const cookie = cookieOf(await logIn('root'))
  const text = await (
    await get('/admin/queues/api/queues?activeQueue=small&page=1&jobsPerPage=10', cookie)
  ).text()
  expect(text).toContain(jobId)
  expect(text).not.toContain('payload-canary')
  for (const [method, path] of [
    ['PUT', '/api/queues/small/pause'],
    ['PUT', '/api/queues/pause'],
    ['PUT', '/api/queues/small/empty'],
    ['POST', '/api/queues/small/add'],
  ] as const) {
    const { status } = await fetch(`${gateway.url}/admin/queues${path}`, {
      method,
      headers: { Cookie: cookie },
    })
    expect({ path, status }).toEqual({ path, status: 405 })
  }
  expect(await gateway.deps.deliveries.queueOf('small').isPaused()).toBe(false)
})

pageTest('in a browser, an admin logs in and sees the queues with their jobs', async (browser) => {
  const page = await browser.newPage()
  const refusals: string[] = []
  page.on('console', (message) => {
    if (
      message.type() === 'error' &&
      /Content Security Policy/.test(message.text()) &&
      !/fonts\.g/.test(message.text())
    )
      refusals.push(message.text())
  })
  await page.goto(`${gateway.url}/admin/queues`)
  await page.fill('#username', 'root')
  await page.fill('#password', password)
  await page.click('button')
  await page.waitForURL('**/admin/queues/**')
  for (const queue of ['small', 'medium', 'heavy'])
    await page.getByText(queue, { exact: true }).first().waitFor()
  await page.goto(`${gateway.url}/admin/queues/queue/small?status=prioritized`)
  await page.getByText('echo').first().waitFor()
  expect(await page.content()).not.toContain('payload-canary')
  expect(refusals).toEqual([])
})

pageTest('in a browser, a user is told why the board stays closed', async (browser) => {
  const page = await browser.newPage()
  await page.goto(`${gateway.url}/admin/login`)
  await page.fill('#username', 'plain')
  await page.fill('#password', password)
  await page.click('button')
  await page.waitForURL('**/admin/scaling')
  await page.goto(`${gateway.url}/admin/queues`)
  await page
    .getByRole('alert')
    .getByText('plain may not see the queues: that takes the role admin.')
    .waitFor()
  await page.getByRole('button', { name: 'Log in as somebody else' }).click()
  await page.getByLabel('User name').waitFor()
})

pageTest('in a browser, the API reference shows the calls', async (browser) => {
  const page = await browser.newPage()
  await page.goto(`${gateway.url}/docs`)
  await page.getByText('/v1/jobs/batch').first().waitFor()
})

pageTest(
  'in a browser, the API reference shows the tasks once one has authorised, and until one logs out',
  async (browser) => {
    const page = await browser.newPage()
    await page.goto(`${gateway.url}/docs`)
    await page.getByText('/v1/jobs/batch').first().waitFor()
    const shown = page.getByText('task.sleep.payload').first()
    expect(await shown.count()).toBe(0)
    await page.getByRole('button', { name: 'Authorize' }).first().click()
    const form = page.locator('.auth-container')
    await form.locator('input').fill(await gateway.tokenOf('user'))
    await form.getByRole('button', { name: 'Apply credentials' }).click()
    await shown.waitFor()
    await form.getByRole('button', { name: 'Remove authorization' }).click()
    await shown.waitFor({ state: 'detached' })
  },
)
