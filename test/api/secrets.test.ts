import { expect, test } from '@jest/globals'
import { mostSecrets } from '../../queue/domain/secret.ts'
import { makeSecretBox } from '../../queue/domain/secret-box.ts'
import { readSecrets } from '../../queue/use-cases/read-secrets.ts'
import { resealSecrets } from '../../queue/use-cases/reseal-secrets.ts'
import { openTestGateway } from '../support/gateway.ts'
import { connected } from '../support/template-database.ts'

const key = 'a key for secrets of more than thirty-two bytes'
const settings = { SECRETS_KEY: key }

test('a secret is set, listed and removed by its tenant, told by no call, and every change is audited', async () => {
  const { call, tokenOf, deps } = await openTestGateway(settings)
  const token = await tokenOf('user', 'wonderland')
  const set = (value: string) => call('PUT', '/v1/secrets/hf-token', { token, body: { value } })
  expect(await set('first value')).toMatchObject({ status: 201, body: { name: 'hf-token', version: 1 } })
  expect(await set('second value')).toMatchObject({ status: 200, body: { version: 2 } })
  const entry = { name: 'hf-token', version: 2, updatedAt: expect.any(String) }
  expect((await call('GET', '/v1/secrets', { token })).body).toEqual({ items: [entry], nextCursor: null })
  const box = makeSecretBox([key])
  expect(await readSecrets(deps, box, 'wonderland', ['hf-token'])).toEqual({
    values: { 'hf-token': 'second value' },
  })

  const other = await tokenOf('user', 'builders')
  expect((await call('GET', '/v1/secrets', { token: other })).body.items).toEqual([])
  expect(await call('DELETE', '/v1/secrets/hf-token', { token: other })).toMatchObject({ status: 404 })
  for (const method of ['GET', 'PUT', 'DELETE'])
    expect(
      await call(method, `/v1/secrets${method === 'GET' ? '' : '/hf-token'}?tenant=wonderland`, {
        token: other,
        ...(method === 'PUT' && { body: { value: 'of another' } }),
      }),
    ).toMatchObject({ status: 403 })

  const admin = await tokenOf('admin')
  expect((await call('GET', '/v1/secrets?tenant=wonderland', { token: admin })).body.items).toEqual([entry])
  expect(await call('DELETE', '/v1/secrets/hf-token', { token })).toMatchObject({ status: 204 })
  expect(await call('DELETE', '/v1/secrets/hf-token', { token })).toMatchObject({ status: 404 })
  const { items } = (await call('GET', '/v1/audit', { token: admin })).body
  expect(
    items.map(({ action, target }: { action: string; target: string }) => `${action} ${target}`),
  ).toEqual(['secret.remove wonderland/hf-token', ...Array<string>(2).fill('secret.set wonderland/hf-token')])
  expect(JSON.stringify(items)).not.toContain('value')
})

test('what can be no secret is refused without quoting it, and nothing is kept without a key', async () => {
  const { call, tokenOf } = await openTestGateway(settings)
  const token = await tokenOf('user')
  for (const [name, value, message] of [
    ['token', 'short', /8 characters/],
    ['token', 'a\nb\nc\nd\ne\nf', /8 characters/],
    ['token', 'x'.repeat(16_385), /16384 bytes/],
    ['token', 'value\0value', /NUL/],
    ['1token', 'a long value', /must begin with a letter/],
    ['a%2Fb', 'a long value', /must begin with a letter/],
  ] as const) {
    const answer = await call('PUT', `/v1/secrets/${name}`, { token, body: { value } })
    expect(answer).toMatchObject({ status: 400, body: { detail: expect.stringMatching(message) } })
    expect(JSON.stringify(answer.body)).not.toContain(value)
  }
  expect((await call('GET', '/v1/secrets', { token })).body.items).toEqual([])

  const keyless = await openTestGateway()
  expect(
    await keyless.call('PUT', '/v1/secrets/token', {
      token: await keyless.tokenOf('user'),
      body: { value: 'a long value' },
    }),
  ).toMatchObject({ status: 422, body: { type: 'urn:noodle:error:secrets-off' } })
})

test('a tenant has a bounded number of secrets, also when many are set at once', async () => {
  const { call, tokenOf, databaseUrl } = await openTestGateway(settings)
  const token = await tokenOf('user')
  await connected(databaseUrl, (client) =>
    client.query(
      `INSERT INTO secrets (tenant, name, key_id, sealed) SELECT 'default', 'of-' || i, '', '' FROM generate_series(1, ${String(mostSecrets - 2)}) AS i`,
    ),
  )
  const statuses = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const { status } = await call('PUT', `/v1/secrets/new-${String(i)}`, {
        token,
        body: { value: 'a long value' },
      })
      return status
    }),
  )
  expect(statuses.sort()).toEqual([201, 201, 422, 422, 422, 422, 422, 422])
  expect((await call('PUT', '/v1/secrets/of-1', { token, body: { value: 'another value' } })).status).toBe(
    200,
  )
})

test('after a change of the key all secrets are sealed anew, and what no key opens is left as it is', async () => {
  const { call, tokenOf, deps } = await openTestGateway(settings)
  const token = await tokenOf('user')
  await call('PUT', '/v1/secrets/mine', { token, body: { value: 'a long value' } })
  const lost = makeSecretBox(['a key that nobody has any more, thirty-two bytes'])
  await deps.secrets.set(
    { tenant: 'default', name: 'lost' },
    lost.seal({ tenant: 'default', name: 'lost' }, 'x'),
    9,
  )
  const next = makeSecretBox(['the next key for secrets, more than thirty-two bytes', key])
  await resealSecrets(deps, next)
  const alone = makeSecretBox(['the next key for secrets, more than thirty-two bytes'])
  expect(await readSecrets(deps, alone, 'default', ['mine'])).toEqual({ values: { mine: 'a long value' } })
  expect(await readSecrets(deps, next, 'default', ['lost'])).toEqual({ missing: 'lost', why: 'no key' })
  expect(await readSecrets(deps, next, 'default', ['mine', 'none'])).toEqual({
    missing: 'none',
    why: 'not set',
  })
})
