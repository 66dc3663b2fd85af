import { beforeAll, expect, test } from '@jest/globals'
import { hashPassword } from '../../api/auth/password.ts'
import { openTestGateway } from '../support/gateway.ts'

const password = 'correct horse battery staple'
let passwordHash: string

beforeAll(async () => {
  passwordHash = await hashPassword(password)
})

test('a user who is disabled, or whose role or password changes, is out', async () => {
  const { call, aUser, tokenOf, gateway: deps } = await openTestGateway()
  const admin = await tokenOf('admin')
  for (const change of [{ disabled: true }, { role: 'worker' }, { password: 'another long password' }]) {
    const someone = await aUser('user')
    const token = deps.auth.tokens.issue(someone)
    expect((await call('GET', '/v1/jobs', { token })).status).toBe(200)
    expect((await call('PATCH', `/v1/users/${someone.id}`, { token: admin, body: change })).status).toBe(200)
    expect((await call('GET', '/v1/jobs', { token })).status).toBe(401)
  }
})

/** A gateway with a user who has a password. */
async function withLogin(settings: Record<string, string> = {}, options: { redisUrl?: string } = {}) {
  const opened = await openTestGateway(settings, options)
  await opened.deps.users.insert({
    id: opened.deps.newId(),
    username: 'alice',
    passwordHash,
    role: 'user',
    tenant: 'default',
  })
  const logIn = (username = 'alice', given = password, headers: Record<string, string> = {}) =>
    opened.call('POST', '/v1/auth/token', { body: { username, password: given }, headers })
  const refresh = (refreshToken: string) =>
    opened.call('POST', '/v1/auth/refresh', { body: { refreshToken } })
  return { ...opened, logIn, refresh }
}

test('a login gives a pair of tokens that nobody on the way keeps; a wrong password and an unknown user get the same answer', async () => {
  const { logIn, call } = await withLogin()
  const { status, headers, body } = await logIn()
  expect({ status, cache: headers.get('Cache-Control') }).toEqual({ status: 200, cache: 'no-store' })
  expect(body).toEqual({
    accessToken: expect.any(String),
    refreshToken: expect.any(String),
    tokenType: 'Bearer',
    expiresIn: 3600,
  })
  expect((await call('GET', '/v1/jobs', { token: body.accessToken as string })).status).toBe(200)
  const [wrong, unknown] = [await logIn('alice', 'wrong'), await logIn('nobody', password)]
  const told = ({ body: { requestId: _, ...problem } }: { body: Record<string, unknown> }) => problem
  expect(wrong.status).toBe(401)
  expect(told(wrong)).toEqual(told(unknown))
})

test('a refresh token works once; its reuse ends the whole session and is audited', async () => {
  const { logIn, refresh, call, tokenOf } = await withLogin()
  const first = (await logIn()).body.refreshToken as string
  const second = await refresh(first)
  expect(second.status).toBe(200)
  expect((await refresh(first)).status).toBe(401)
  expect((await refresh(second.body.refreshToken as string)).status).toBe(401)
  const audit = await call('GET', '/v1/audit', { token: await tokenOf('admin') })
  expect(audit.body.items.map((entry: { action: string }) => entry.action)).toEqual([
    'refresh.reused',
    'login.accepted',
  ])
})

test('of many refreshes with one token at once exactly one succeeds', async () => {
  const { logIn, refresh } = await withLogin()
  const token = (await logIn()).body.refreshToken as string
  const statuses = (await Promise.all(Array.from({ length: 20 }, () => refresh(token)))).map(
    ({ status }) => status,
  )
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(statuses.filter((status) => status === 401)).toHaveLength(19)
})

test('logout ends the session that is named, or all; another user can not end it', async () => {
  const { logIn, refresh, call, tokenOf } = await withLogin()
  const [first, second, third] = [await logIn(), await logIn(), await logIn()].map(
    ({ body }) => body as { accessToken: string; refreshToken: string },
  )
  await call('POST', '/v1/auth/logout', {
    token: await tokenOf('user'),
    body: { refreshToken: first?.refreshToken },
  })
  const renewed = await refresh(first?.refreshToken ?? '')
  expect(renewed.status).toBe(200)
  expect(
    (
      await call('POST', '/v1/auth/logout', {
        token: second?.accessToken ?? '',
        body: { refreshToken: second?.refreshToken },
      })
    ).status,
  ).toBe(204)
  expect((await refresh(second?.refreshToken ?? '')).status).toBe(401)
  expect((await call('POST', '/v1/auth/logout', { token: third?.accessToken ?? '' })).status).toBe(204)
  expect((await refresh(third?.refreshToken ?? '')).status).toBe(401)
  expect((await refresh(renewed.body.refreshToken as string)).status).toBe(401)
})

test('logins are limited per account, also in parallel and in any case of letters', async () => {
  const byAccount = await withLogin({ RATE_LIMIT_LOGINS_PER_ACCOUNT: '3' })
  const tries = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      byAccount.logIn(i % 2 ? 'alice' : 'ALICE', 'wrong', { 'X-Forwarded-For': `10.0.0.${String(i)}` }),
    ),
  )
  expect(tries.filter(({ status }) => status === 429)).toHaveLength(7)
  expect(Number(tries.find(({ status }) => status === 429)?.headers.get('Retry-After'))).toBeGreaterThan(0)
})

test('logins are limited per network, and no header escapes it', async () => {
  const byNetwork = await withLogin({ RATE_LIMIT_LOGINS_PER_NETWORK: '3' })
  const names = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      byNetwork.logIn(`name-${String(i)}`, 'wrong', {
        'X-Forwarded-For': `10.0.0.${String(i)}`,
        'X-Real-IP': '10.9.9.9',
        Forwarded: 'for=10.8.8.8',
      }),
    ),
  )
  expect(names.filter(({ status }) => status === 429)).toHaveLength(7)
})

test('behind one trusted proxy its word counts, and what the client put before it does not', async () => {
  const { logIn } = await withLogin({ RATE_LIMIT_LOGINS_PER_NETWORK: '1', TRUST_PROXY_HOPS: '1' })
  const from = async (forwarded: string) =>
    (await logIn('nobody', 'wrong', { 'X-Forwarded-For': forwarded })).status
  expect(await from('6.6.6.6, 192.0.2.1')).toBe(401)
  expect(await from('7.7.7.7, 192.0.2.1')).toBe(429)
  expect(await from('192.0.2.2')).toBe(401)
  expect(await from('::ffff:192.0.2.2')).toBe(429)
  expect(await from('2001:db8:1:100::1')).toBe(401)
  expect(await from('2001:db8:1:1ff:ffff::2')).toBe(429)
  expect(await from('2001:db8:1:200::1')).toBe(401)
})

test('requests and jobs are limited per user, with headers that tell it; a refused batch costs nothing', async () => {
  const { call, tokenOf } = await openTestGateway({
    RATE_LIMIT_REQUESTS_PER_MINUTE: '6',
    RATE_LIMIT_JOBS_PER_MINUTE: '3',
  })
  const token = await tokenOf('user')
  const batch = (count: number) =>
    call('POST', '/v1/jobs/batch', {
      token,
      body: { jobs: Array.from({ length: count }, () => ({ task: 'echo' })) },
    })
  const tooMany = await batch(4)
  expect(tooMany).toMatchObject({ status: 429, body: { detail: expect.stringContaining('3 are left') } })
  expect((await batch(3)).status).toBe(202)
  expect((await batch(1)).status).toBe(429)
  const answer = await call('GET', '/v1/jobs', { token })
  expect(answer.headers.get('RateLimit')).toMatch(/^"requests"; r=2; t=\d+$/)
  expect(answer.headers.get('RateLimit-Policy')).toMatch(/^"requests"; q=6; w=60/)
  await Promise.all([1, 2, 3].map(() => call('GET', '/v1/jobs', { token })))
  const limited = await call('GET', '/v1/jobs', { token })
  expect({ status: limited.status, type: limited.headers.get('Content-Type') }).toEqual({
    status: 429,
    type: 'application/problem+json; charset=utf-8',
  })
  expect((await call('GET', '/v1/jobs', { token: await tokenOf('user') })).status).toBe(200)
})

test('while Redis is away logins stay limited, and the API goes on', async () => {
  const { logIn, call, tokenOf } = await withLogin(
    { RATE_LIMIT_LOGINS_PER_ACCOUNT: '2' },
    { redisUrl: 'redis://127.0.0.1:1' },
  )
  const token = await tokenOf('user')
  const statuses = [await logIn('eve', 'x'), await logIn('eve', 'x'), await logIn('eve', 'x')].map(
    ({ status }) => status,
  )
  expect(statuses).toEqual([401, 401, 429])
  expect((await call('GET', '/v1/jobs', { token })).status).toBe(200)
  expect((await call('POST', '/v1/jobs', { token, body: { task: 'echo' } })).status).toBe(202)
})

test('users are made, listed, changed and removed by admins; names are unique, and the last admin stays', async () => {
  const { call, aUser, gateway: deps } = await openTestGateway()
  const root = await aUser('admin')
  const token = deps.auth.tokens.issue(root)
  const made = await call('POST', '/v1/users', {
    token,
    body: { username: 'carol', password: 'a long enough password', role: 'user', tenant: 'carols' },
  })
  expect(made).toMatchObject({ status: 201, body: { username: 'carol', role: 'user', tenant: 'carols' } })
  expect(JSON.stringify(made.body)).not.toMatch(/hash|scrypt/)
  expect(
    await call('POST', '/v1/users', {
      token,
      body: { username: 'carol', password: 'a long enough password', role: 'user' },
    }),
  ).toMatchObject({ status: 409, body: { errors: [{ path: 'username' }] } })
  for (const [field, value] of Object.entries({
    username: 'no spaces',
    password: 'short',
    role: 'god',
    tenant: 'UPPER',
  })) {
    const body = { username: 'dave', password: 'a long enough password', role: 'user', [field]: value }
    expect(await call('POST', '/v1/users', { token, body })).toMatchObject({
      status: 400,
      body: { errors: [{ path: field }] },
    })
  }
  for (const extra of ['id', 'tokenVersion', 'passwordHash', 'createdAt', 'permissions']) {
    const body = { username: 'dave', password: 'a long enough password', role: 'user', [extra]: 'x' }
    expect(await call('POST', '/v1/users', { token, body })).toMatchObject({
      status: 400,
      body: { errors: [{ path: extra }] },
    })
  }
  expect(
    (await call('GET', '/v1/users', { token })).body.items.map((one: { username: string }) => one.username),
  ).toEqual(['carol', root.username])
  expect((await call('DELETE', `/v1/users/${root.id}`, { token })).status).toBe(409)
  expect((await call('PATCH', `/v1/users/${root.id}`, { token, body: { role: 'user' } })).status).toBe(409)
  expect((await call('DELETE', `/v1/users/${made.body.id as string}`, { token })).status).toBe(204)
  expect((await call('GET', `/v1/users/${made.body.id as string}`, { token })).status).toBe(404)
  const actions = (await call('GET', '/v1/audit', { token })).body.items.map(
    (entry: { action: string }) => entry.action,
  )
  expect(actions).toEqual(['user.remove', 'user.create'])
})
