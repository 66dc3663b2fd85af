import { expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { TaskOffer } from '../../queue/domain/node.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { openTestGateway } from '../support/gateway.ts'
import { waitFor } from '../support/wait-for.ts'

const resize: TaskOffer = {
  name: 'resize',
  version: '2',
  description: 'Makes pictures smaller.',
  kind: 'module',
  payloadSchema: {
    type: 'object',
    properties: { width: { type: 'integer' } },
    required: ['width'],
    additionalProperties: false,
  },
  resultSchema: {},
  defaults: { timeoutMs: 5000, retry: { maxAttempts: 7 }, priority: 8, resources: { gpu: 1 } },
}

async function aNodeWith(deps: QueueDeps, tasks: TaskOffer[], tiers = ['small', 'medium']): Promise<string> {
  const bootId = deps.newId()
  const node = {
    id: `node-${bootId}`,
    bootId,
    tiers,
    cpus: 2,
    memoryMb: 4096,
    gpus: 1,
    concurrency: 2,
    version: '0',
  }
  await deps.nodes.register({ ...node, tasks }, 60_000)
  return bootId
}

test('a payload that does not fit the schema that a node has published is refused, naming each field', async () => {
  const { call, deps, tokenOf } = await openTestGateway()
  await aNodeWith(deps, [resize])
  const token = await tokenOf('user')
  const wrong = { task: 'resize', payload: { width: 'wide', height: 1 } }
  const { status, body } = await call('POST', '/v1/jobs', { token, body: wrong })
  expect(status).toBe(422)
  expect(body.errors).toEqual(
    expect.arrayContaining([
      { path: 'payload.height', message: 'is not a field of the task' },
      { path: 'payload.width', message: 'must be integer' },
    ]),
  )
  const batch = await call('POST', '/v1/jobs/batch', {
    token,
    body: { jobs: [wrong, { task: 'resize', payload: { width: 1 } }] },
  })
  expect(batch.body).toMatchObject({ accepted: 1, rejected: 1, results: [{ code: 'PAYLOAD_MISFIT' }, {}] })
})

test('while two versions are offered, a payload that fits either is taken', async () => {
  const { call, deps, tokenOf } = await openTestGateway()
  await aNodeWith(deps, [resize])
  await aNodeWith(deps, [{ ...resize, payloadSchema: { type: 'object', required: ['height'] } }])
  const token = await tokenOf('user')
  const submit = async (payload: unknown) =>
    (await call('POST', '/v1/jobs', { token, body: { task: 'resize', payload } })).status
  expect([await submit({ width: 1 }), await submit({ height: 1 }), await submit({ depth: 1 })]).toEqual([
    202, 202, 422,
  ])
})

test("a task's defaults hold where the submission is silent", async () => {
  const { call, deps, tokenOf } = await openTestGateway()
  await aNodeWith(deps, [resize])
  const token = await tokenOf('user')
  const submit = async (more: Record<string, unknown>) =>
    (await call('POST', '/v1/jobs', { token, body: { task: 'resize', payload: { width: 1 }, ...more } })).body
  expect(await submit({})).toMatchObject({
    tier: 'medium',
    priority: 8,
    timeoutMs: 5000,
    retry: { maxAttempts: 7, backoffMs: 1000, strategy: 'exponential' },
    resources: { gpu: 1 },
  })
  expect(
    await submit({ requirement: 'light', priority: 0, timeoutMs: 9, retry: { backoffMs: 1 } }),
  ).toMatchObject({
    tier: 'small',
    priority: 0,
    timeoutMs: 9,
    retry: { maxAttempts: 7, backoffMs: 1, strategy: 'exponential' },
    resources: { gpu: 0 },
  })
})

test('a task that no live node offers any more is accepted with a warning, and checked; STRICT_TASKS refuses it', async () => {
  const { call, deps, gateway, reload, tokenOf } = await openTestGateway()
  const bootId = await aNodeWith(deps, [resize])
  await deps.nodes.sayGoodbye(bootId)
  await waitFor(async () => (await gateway.fleet()).nodes.length === 0)
  const token = await tokenOf('user')
  const submit = (payload: unknown) => call('POST', '/v1/jobs', { token, body: { task: 'resize', payload } })
  expect(await submit({ width: 1 })).toMatchObject({
    status: 202,
    body: { warnings: [expect.stringContaining('waits')] },
  })
  expect(await submit({})).toMatchObject({ status: 422 })
  expect((await call('GET', '/v1/tasks/resize', { token })).body).toMatchObject({
    version: '2',
    kind: 'module',
    nodes: {},
  })

  reload({ STRICT_TASKS: 'true' })
  expect(await submit({ width: 1 })).toMatchObject({
    status: 422,
    body: { detail: expect.stringContaining('resize') },
  })
})

test('a task that was never offered is refused with the name that is near', async () => {
  const { call, deps, tokenOf } = await openTestGateway()
  await aNodeWith(deps, [resize])
  const token = await tokenOf('user')
  const { status, body } = await call('POST', '/v1/jobs', { token, body: { task: 'resise' } })
  expect([status, body.detail]).toEqual([422, 'No node offers a task resise; did you mean resize?.'])
})

test('the catalogue shows kind, schemas, defaults and where a task runs', async () => {
  const { call, deps, tokenOf } = await openTestGateway()
  await aNodeWith(deps, [resize])
  const { body } = await call('GET', '/v1/tasks', { token: await tokenOf('user') })
  expect(body.items.find(({ name }: TaskOffer) => name === 'resize')).toEqual({
    ...resize,
    nodes: { small: 1, medium: 1 },
  })
})

test('a job that asks for more than any live node of its tier has is accepted with a warning that names the largest', async () => {
  const { call, deps, tokenOf } = await openTestGateway()
  await aNodeWith(deps, [resize], ['small'])
  await aNodeWith(deps, [], ['medium'])
  const token = await tokenOf('user')
  const submit = async (resources: object) => {
    const body = { task: 'resize', payload: { width: 1 }, resources }
    return (await call('POST', '/v1/jobs', { token, body })).body.warnings as string[] | undefined
  }
  expect(await submit({ cpu: 2, memoryMb: 4096 })).toBeUndefined()
  await deps.nodes.register(
    {
      ...{ id: 'tiny', bootId: deps.newId(), tiers: ['heavy'], tasks: [resize] },
      ...{ cpus: 1, memoryMb: 9000, gpus: 0, concurrency: 2, version: '0' },
    },
    60_000,
  )
  await waitFor(async () => {
    const [warning = ''] = (await submit({ cpu: 8, memoryMb: 9000 })) ?? []
    return warning.startsWith(
      'No node of the tier heavy that is up has 8 cpu, 9000 MiB; the largest for it, tiny, has 1 cpu, 9000 MiB, 0 gpu.',
    )
  })
})

test('the OpenAPI document has the tasks for those who may list them, with schemas that hold where they stand', async () => {
  const { call, deps, tokenOf } = await openTestGateway()
  const tree: TaskOffer = {
    ...resize,
    name: 'tree',
    payloadSchema: {
      type: 'object',
      properties: { $ref: { const: { $ref: '#/data' } }, root: { $ref: '#/$defs/node' } },
      required: ['root'],
      $defs: {
        node: { type: 'object', properties: { left: { $ref: '#/$defs/node' }, value: { type: 'integer' } } },
      },
    },
    resultSchema: { type: 'no such type' },
    secrets: ['hf-token'],
  }
  const deep = JSON.parse(`${'{"not":'.repeat(3000)}{}${'}'.repeat(3000)}`) as TaskOffer['payloadSchema']
  await aNodeWith(deps, [
    resize,
    tree,
    { ...resize, name: 'far', payloadSchema: { $ref: 'http://elsewhere.example/schema' } },
    { ...resize, name: 'deep', payloadSchema: deep },
  ])
  const read = async (token?: string) =>
    (await call('GET', '/openapi.json', token === undefined ? {} : { token })).body
  const bare = await read()
  for (const without of [bare, await read(await tokenOf('worker'))]) {
    expect(without['x-noodle-tasks']).toBeUndefined()
    expect(JSON.stringify(without)).not.toContain('task.resize')
  }

  const document = await read(await tokenOf('user'))
  expect(Object.keys(document.paths)).toEqual(Object.keys(bare.paths))
  expect(document['x-noodle-tasks'].map(({ name }: TaskOffer) => name)).toEqual(
    expect.arrayContaining(['echo', 'far', 'resize', 'tree']),
  )
  expect(document['x-noodle-tasks']).toContainEqual(
    expect.objectContaining({ name: 'tree', version: '2', secrets: ['hf-token'], defaults: resize.defaults }),
  )
  expect(document.components.schemas['task.resize.payload']).toEqual(resize.payloadSchema)
  for (const part of ['task.tree.result', 'task.far.payload', 'task.deep.payload'])
    expect(document.components.schemas[part]).toEqual({ description: expect.stringContaining('JSON Schema') })

  const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema(document, 'document')
  const isJob = ajv.compile({
    $ref: 'document#/paths/~1v1~1jobs/post/requestBody/content/application~1json/schema',
  })
  const accepts = (job: unknown) => isJob(job)
  expect(accepts({ task: 'resize', payload: { width: 1 }, priority: 9 })).toBe(true)
  expect(accepts({ task: 'resize', payload: { width: 'wide' } })).toBe(false)
  expect(accepts({ task: 'resize', payload: { width: 1 }, prority: 9 })).toBe(false)
  expect(accepts({ task: 'tree', payload: { root: { left: { value: 1 } } } })).toBe(true)
  expect(accepts({ task: 'tree', payload: { root: { left: { value: 'one' } } } })).toBe(false)
  expect(accepts({ task: 'tree', payload: { root: {}, $ref: { $ref: '#/data' } } })).toBe(true)
  expect(accepts({ task: 'unheard-of' })).toBe(false)

  await aNodeWith(deps, [{ ...resize, name: 'newcomer' }])
  const token = await tokenOf('user')
  await waitFor(async () => JSON.stringify(await read(token)).includes('task.newcomer.payload'))
})

test('of more tasks than there is room for the document leaves some out, and takes their jobs all the same', async () => {
  const { call, deps, tokenOf } = await openTestGateway()
  const wide = { type: 'object', description: 'x'.repeat(60_000) }
  await aNodeWith(
    deps,
    Array.from({ length: 90 }, (_, i) => ({ ...resize, name: `wide-${String(i)}`, payloadSchema: wide })),
  )
  const { body } = await call('GET', '/openapi.json', { token: await tokenOf('user') })
  expect(JSON.stringify(body).length).toBeLessThan(5_000_000)
  expect(body['x-noodle-tasks-left-out']).toBeGreaterThan(10)
  expect(body['x-noodle-tasks'].length).toBeGreaterThan(10)
  const { anyOf } = body.paths['/v1/jobs'].post.requestBody.content['application/json'].schema
  expect(anyOf.at(-1)).toEqual({ $ref: '#/components/schemas/JobSubmission' })
})
