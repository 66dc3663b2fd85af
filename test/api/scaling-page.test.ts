import { beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Browser, Page } from 'playwright-core'
import { hashPassword } from '../../api/auth/password.ts'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'
import { pageTest } from '../support/page-test.ts'
import { connected } from '../support/template-database.ts'

const password = 'correct horse battery staple'
let passwordHash: string
let gateway: TestGateway

beforeAll(async () => {
  passwordHash = await hashPassword(password)
})

beforeEach(async () => {
  gateway = await openTestGateway({
    RATE_LIMIT_LOGINS_PER_NETWORK: '0',
    SCALING_POLICIES: JSON.stringify({ medium: { mode: 'dryRun', targetWaitMs: 30_000 } }),
  })
  for (const [username, role] of [
    ['root', 'admin'],
    ['plain', 'user'],
  ] as const)
    await gateway.deps.users.insert({
      ...{ id: gateway.deps.newId(), username, passwordHash, role, tenant: 'default' },
    })
})

const decide = (desired: number, reason: string, { tier = 'small', mode = 'auto' } = {}) =>
  gateway.deps.scaling.recordDecision(1, {
    ...{ id: gateway.deps.newId(), tier, mode, desired, starting: 1, reason },
    inputs: { waitingJobs: 12, forecastBy: '<b>now</b>', lateShareMeasured: null },
  })

async function cookieOf(username: string): Promise<string> {
  const { headers } = await fetch(`${gateway.url}/admin/login`, {
    ...{ method: 'POST', body: new URLSearchParams({ username, password }), redirect: 'manual' },
  })
  return headers.get('Set-Cookie')?.split(';')[0] ?? ''
}

const read = async (cookie: string) =>
  (await fetch(`${gateway.url}/admin/scaling`, { headers: { Cookie: cookie } })).text()

async function send(path: string, cookie: string, fields: Record<string, string>, headers = {}) {
  const answer = await fetch(`${gateway.url}/admin/scaling/${path}`, {
    ...{ method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' },
    headers: { Cookie: cookie, ...headers },
  })
  return { status: answer.status, place: answer.headers.get('Location'), text: await answer.text() }
}

const overrideOf = async (tier: string) => (await gateway.deps.scaling.findState(tier))?.policy.override

test('who may read sees how tiers are scaled and why; nobody else does', async () => {
  expect((await fetch(`${gateway.url}/admin/scaling`, { redirect: 'manual' })).headers.get('Location')).toBe(
    '/admin/login',
  )
  await decide(2, 'At the least.')
  await decide(4, '12 jobs <wait>.')
  await decide(3, 'As rehearsed.', { tier: 'medium', mode: 'dryRun' })
  const page = await read(await cookieOf('plain'))
  expect(page).toContain('12 jobs &lt;wait&gt;.')
  expect(page).toContain('&lt;b&gt;now&lt;/b&gt;')
  expect(page).not.toContain('<b>now')
  expect(page).toContain('2 → 4')
  expect(page).toContain('Desired nodes of small in the last 1 min: 2 to 4, now 4')
  expect(page).toContain('This is what would be done; nobody acts on it.')
  expect(page).toContain('Nothing was decided yet') // heavy
  expect(page).not.toContain('<input')
})

test('an admin keeps a tier at a number of nodes until an end, and ends it; a user and other sites do not', async () => {
  const [admin, user] = [await cookieOf('root'), await cookieOf('plain')]
  const fields = { nodes: '5', minutes: '90' }
  expect((await send('small/override', user, fields)).status).toBe(403)
  expect((await send('small/override', admin, fields, { Origin: 'https://evil.example' })).status).toBe(403)
  expect((await send('small/override', '', fields)).status).toBe(401)
  expect(await overrideOf('small')).toBeUndefined()

  expect(await send('small/override', admin, fields)).toMatchObject({
    status: 303,
    place: '/admin/scaling#small',
  })
  const { replicas, until } = (await overrideOf('small')) ?? { replicas: 0, until: '' }
  expect(replicas).toBe(5)
  expect(Date.parse(until) - Date.now()).toBeGreaterThan(89 * 60_000)
  expect(Date.parse(until) - Date.now()).toBeLessThanOrEqual(90 * 60_000)
  const audited = await gateway.call('GET', '/v1/audit', { token: await gateway.tokenOf('admin') })
  expect(audited.body.items[0]).toMatchObject({ action: 'scaling.change', target: 'small', username: 'root' })

  await send('small/override/end', admin, {})
  expect(await overrideOf('small')).toBeUndefined()
})

test.each([
  ['small', { nodes: '-1', minutes: '60' }, 400, 'number of nodes'],
  ['small', { nodes: '10001', minutes: '60' }, 400, 'number of nodes'],
  ['small', { nodes: '3', minutes: '0' }, 400, 'of minutes'],
  ['small', { nodes: '3', minutes: '' }, 400, 'of minutes'],
  ['huge', { nodes: '3', minutes: '60' }, 404, 'There is no tier huge'],
])('an override of %s by %j is refused with what is wrong', async (tier, fields, status, says) => {
  const answer = await send(`${tier}/override`, await cookieOf('root'), fields)
  expect(answer.status).toBe(status)
  expect(answer.text).toContain(says)
  expect(await overrideOf(tier)).toBeUndefined()
})

test('decisions that are old are not shown as those of today', async () => {
  await decide(2, 'At the least.')
  await connected(gateway.databaseUrl, (client) =>
    client.query("UPDATE scaling SET decided_at = now() - interval '5 minutes'"),
  )
  expect(await read(await cookieOf('root'))).toMatch(
    /Nobody decides: the last time was <time[^>]+>5 min ago</,
  )
})

async function openAs(browser: Browser, username: string): Promise<Page> {
  const page = await browser.newPage()
  await page.clock.install() // so that nobody waits for the page to look again
  await page.goto(`${gateway.url}/admin/scaling`)
  await page.fill('#username', username)
  await page.fill('#password', password)
  await page.click('button')
  await page.goto(`${gateway.url}/admin/scaling`)
  return page
}

pageTest('in a browser, an admin overrides a tier, and the page follows what is decided', async (browser) => {
  await decide(2, 'At the least.')
  const page = await openAs(browser, 'root')
  const faults: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  const small = page.getByRole('region', { name: /^small/ })
  await small.getByRole('textbox', { name: 'Nodes of small' }).fill('4')
  await small.getByRole('textbox', { name: 'Minutes for small' }).fill('30')
  await small.getByRole('button', { name: 'Override small' }).click()
  await small.getByText(/4 nodes, until in (29|30) min\./).waitFor()

  // What is read and typed stays as it is while the rest follows.
  await small.getByText('Decided by').first().click()
  await small.getByRole('cell', { name: 'waitingJobs' }).first().waitFor()
  await small.getByRole('textbox', { name: 'Minutes for small' }).fill('45')
  await decide(6, 'Six are needed.')
  await page.clock.runFor(5000)
  await small.getByText('Six are needed.').first().waitFor()
  await small.getByRole('img', { name: /2 to 6, now 6/ }).waitFor()
  await small.getByRole('cell', { name: 'waitingJobs' }).first().waitFor()
  expect(await small.getByRole('textbox', { name: 'Minutes for small' }).inputValue()).toBe('45')

  await small.getByRole('button', { name: 'End the override of small' }).click()
  await small.getByText('Override:').waitFor({ state: 'detached' })
  expect(faults).toEqual([])
})

pageTest('in a browser, a user sees a dry run and no way to change anything', async (browser) => {
  await decide(3, 'As rehearsed.', { tier: 'medium', mode: 'dryRun' })
  const page = await openAs(browser, 'plain')
  const medium = page.getByRole('region', { name: /^medium/ })
  await medium.getByText('dry run', { exact: true }).waitFor()
  await medium.getByText('30 s').waitFor()
  await medium.getByText('As rehearsed.').first().waitFor()
  expect(await page.getByRole('button').allTextContents()).toEqual(['Log out plain'])
  await page.getByRole('button').click()
  await page.getByLabel('User name').waitFor()
})
