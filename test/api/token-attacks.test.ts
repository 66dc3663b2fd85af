import { beforeAll, expect, test } from '@jest/globals'
import { createHmac } from 'node:crypto'
import jwt, { type SignOptions } from 'jsonwebtoken'
import type { User } from '../../queue/domain/user.ts'
import { openTestGateway, type TestGateway, testSecret } from '../support/gateway.ts'

let gateway: TestGateway
let user: User
let good: string
let kid: string

beforeAll(async () => {
  gateway = await openTestGateway()
  user = await gateway.aUser('user')
  good = gateway.gateway.auth.tokens.issue(user)
  kid = jwt.decode(good, { complete: true })?.header.kid ?? ''
})

/** A token like ours but for what is changed; undefined leaves a claim or header out. */
function forge(options: {
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
  secret?: string
  sign?: SignOptions
}): string {
  const claims = { ...(jwt.decode(good) as Record<string, unknown>), ...options.claims }
  const header = { alg: 'HS256', typ: 'at+jwt', kid, ...options.header }
  const present = (record: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
  return jwt.sign(present(claims), options.secret ?? testSecret, {
    noTimestamp: true,
    header: present(header) as unknown as jwt.JwtHeader,
    ...options.sign,
  })
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token with any header at all, signed with our secret as HS256 unless a signature is given. */
function raw(header: Record<string, unknown>, claims: unknown = jwt.decode(good), given?: string): string {
  const signed = `${encode(header)}.${encode(claims)}`
  return `${signed}.${given ?? createHmac('sha256', testSecret).update(signed).digest('base64url')}`
}

async function statusOf(authorization: string): Promise<number> {
  return (await gateway.call('GET', '/v1/jobs', { headers: { Authorization: authorization } })).status
}

test('a token of ours is let in', async () => {
  expect(await statusOf(`Bearer ${good}`)).toBe(200)
  expect(await statusOf(`bearer ${forge({})}`)).toBe(200)
})

test.each<[string, () => string]>([
  ['without a signature (alg none)', () => raw({ alg: 'none', typ: 'at+jwt', kid }, undefined, '')],
  ['with alg None', () => raw({ alg: 'None', typ: 'at+jwt', kid }, undefined, '')],
  ['with alg nOnE and our signature', () => raw({ alg: 'nOnE', typ: 'at+jwt', kid })],
  ['without an alg', () => raw({ typ: 'at+jwt', kid })],
  ['with HS512 under our key', () => forge({ header: { alg: 'HS512' }, sign: { algorithm: 'HS512' } })],
  ['with HS384 under our key', () => forge({ header: { alg: 'HS384' }, sign: { algorithm: 'HS384' } })],
  ['that calls itself RS256', () => raw({ alg: 'RS256', typ: 'at+jwt', kid })],
  ['of another key', () => forge({ secret: 'another secret of more than thirty-two bytes' })],
  ['with an unknown kid', () => forge({ header: { kid: 'ffffffffffffffff' } })],
  ['without a kid', () => forge({ header: { kid: undefined } })],
  ['with a path as kid', () => forge({ header: { kid: '../../../../dev/null' } })],
  ['with SQL as kid', () => forge({ header: { kid: "' UNION SELECT 'x" } })],
  ['with a list as kid', () => raw({ alg: 'HS256', typ: 'at+jwt', kid: [kid] })],
  [
    'with a key of its own in the header',
    () =>
      raw(
        { alg: 'HS256', typ: 'at+jwt', jwk: { kty: 'oct', k: 'AAAA' } },
        undefined,
        createHmac('sha256', Buffer.alloc(3)).update('x').digest('base64url'),
      ),
  ],
  ['of another type', () => forge({ header: { typ: 'JWT' } })],
  ['without a type', () => forge({ header: { typ: undefined } })],
  ['for another audience', () => forge({ claims: { aud: 'noodle-admin' } })],
  ['for no audience', () => forge({ claims: { aud: undefined } })],
  ['of another issuer', () => forge({ claims: { iss: 'somebody' } })],
  ['that has expired', () => forge({ claims: { exp: Math.floor(Date.now() / 1000) - 60 } })],
  ['that never expires', () => forge({ claims: { exp: undefined } })],
  ['that is not valid yet', () => forge({ claims: { nbf: Math.floor(Date.now() / 1000) + 60 } })],
  ['without a subject', () => forge({ claims: { sub: undefined } })],
  ['with a role that does not exist', () => forge({ claims: { role: 'root' } })],
  ['of a user who does not exist', () => forge({ claims: { sub: '00000000-0000-7000-8000-000000000000' } })],
  ['of an earlier version of the user', () => forge({ claims: { ver: 0 } })],
  ['with a flipped bit', () => good.slice(0, -2) + (good.at(-2) === 'A' ? 'B' : 'A') + good.slice(-1)],
  [
    'with another payload under its signature',
    () =>
      [
        good.split('.')[0],
        encode({ ...(jwt.decode(good) as object), role: 'admin' }),
        good.split('.')[2],
      ].join('.'),
  ],
  ['of 10 kB', () => `${good}${'A'.repeat(10_000)}`],
  ['for the dashboard', () => gateway.gateway.auth.dashboard.tokens.issue(user)],
  ['that is a refresh token', () => 'A'.repeat(43)],
])('a token %s is refused with 401', async (_name, make) => {
  expect(await statusOf(`Bearer ${make()}`)).toBe(401)
})

test.each(['', 'Bearer', 'Bearer ', 'Basic YTpi', 'Token x', 'Bearer a b', 'Bearer a.b.c', 'Bearer ..'])(
  'the header %p lets nobody in',
  async (header) => {
    expect(await statusOf(header)).toBe(401)
  },
)

test('a header of 100 kB is refused before anything reads it', async () => {
  expect(await statusOf(`Bearer ${'A'.repeat(100_000)}`)).toBe(431)
})

test('a role in the token gives nothing: what counts is the role of the user', async () => {
  const forged = forge({ claims: { role: 'admin' } })
  expect((await gateway.call('GET', '/v1/users', { token: forged })).status).toBe(403)
})

test('after a rotation of the secret tokens of the previous one are valid, and new ones are signed with the new one', async () => {
  const rotated = await openTestGateway({
    AUTH_JWT_SECRET: 'a new secret of more than thirty-two bytes',
    AUTH_JWT_PREVIOUS_SECRETS: testSecret,
  })
  const someone = await rotated.aUser('user')
  const old = forge({ claims: { sub: someone.id } })
  const fresh = rotated.gateway.auth.tokens.issue(someone)
  expect((await rotated.call('GET', '/v1/jobs', { token: old })).status).toBe(200)
  expect((await rotated.call('GET', '/v1/jobs', { token: fresh })).status).toBe(200)
  expect(await statusOf(`Bearer ${fresh}`)).toBe(401)
})
