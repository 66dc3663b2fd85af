import { beforeAll, expect, test } from '@jest/globals'
import { type Permission, permissionsOfRole, roles } from '../../queue/domain/user.ts'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'

let gateway: TestGateway
let foreignJob: string

beforeAll(async () => {
  gateway = await openTestGateway()
  foreignJob = (
    await gateway.call('POST', '/v1/jobs', {
      token: await gateway.tokenOf('user', 'theirs'),
      body: { task: 'echo' },
    })
  ).body.id as string
})

const pathOf = (path: string): string => path.replace(':id', gateway.deps.newId()).replace(/:\w+/g, 'x')

test('every route refuses who is not logged in, and every role that lacks its permission', async () => {
  for (const route of gateway.routes.filter(({ access }) => access !== 'anyone')) {
    const method = route.method.toUpperCase()
    const anonymous = await gateway.call(method, pathOf(route.path))
    expect({
      route: `${method} ${route.path}`,
      status: anonymous.status,
      challenge: anonymous.headers.get('WWW-Authenticate'),
    }).toEqual({
      route: `${method} ${route.path}`,
      status: 401,
      challenge: 'Bearer realm="noodle"',
    })
    if (route.access === 'authenticated') continue
    for (const role of roles) {
      const isPermitted = permissionsOfRole[role].includes(route.access as Permission)
      const { status } = await gateway.call(method, pathOf(route.path), {
        token: await gateway.tokenOf(role),
      })
      expect({ route: `${method} ${route.path}`, role, isRefused: status === 403 }).toEqual({
        route: `${method} ${route.path}`,
        role,
        isRefused: !isPermitted,
      })
    }
  }
})

test("another tenant's job is not found by any call, and in no list", async () => {
  const token = await gateway.tokenOf('user', 'ours')
  for (const route of gateway.routes.filter(({ path }) => path.startsWith('/v1/jobs/:id'))) {
    const { status, body } = await gateway.call(
      route.method.toUpperCase(),
      route.path.replace(':id', foreignJob),
      { token },
    )
    expect({ path: route.path, status, detail: body.detail }).toEqual({
      path: route.path,
      status: 404,
      detail: `There is no job ${foreignJob}.`,
    })
  }
  for (const query of ['', '?tenant=theirs', '?q=e', '?state=pending', '?tier=small']) {
    expect((await gateway.call('GET', `/v1/jobs${query}`, { token })).body.items).toEqual([])
  }
  expect(
    (await gateway.call('GET', `/v1/jobs/${foreignJob}`, { token: await gateway.tokenOf('admin') })).status,
  ).toBe(200)
  expect(
    (await gateway.call('GET', '/v1/jobs?tenant=theirs', { token: await gateway.tokenOf('admin') })).body
      .items,
  ).toHaveLength(1)
})
