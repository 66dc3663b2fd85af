import { expect, test } from '@jest/globals'
import type { z } from 'zod'
import { hashPassword } from '../../api/auth/password.ts'
import type * as jobs from '../../api/contract/job-shapes.ts'
import type * as scaling from '../../api/contract/scaling-shapes.ts'
import type * as secrets from '../../api/contract/secret-shapes.ts'
import type * as users from '../../api/contract/user-shapes.ts'
import type { jobQuery } from '../../api/contract/job-query.ts'
import type * as domain from '../../queue/domain/scaling/policy.ts'
import type { nodeView } from '../../api/http/nodes/node-routes.ts'
import type { Readiness as ServedReadiness } from '../../api/readiness.ts'
import type { taskView } from '../../api/http/tasks/task-routes.ts'
import type { tierView } from '../../api/contract/tier-view.ts'
import type * as client from '../../client/src/noodle-client.ts'
import { NoodleClient } from '../../client/src/noodle-client.ts'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'

/*
 * The client stands alone, so it says by itself what the gateway answers. Here the compiler holds its types against the shapes by which the gateway checks and
 * documents: `npm run check` fails when a field is missing, too many, or of another type.
 */

/* eslint-disable @typescript-eslint/no-unnecessary-type-parameters -- each T is compared as a whole */
/** True when both say the same, with the same optional fields; where they differ, an error names the line that claims it. */
type Same<One, Other> =
  (<T>() => T extends Plain<One> ? 1 : 2) extends <T>() => T extends Plain<Other> ? 1 : 2 ? true : false
/* eslint-enable */
/** Without names, readonly, and undefined beside `?`: both sides say it differently. */
type Plain<T> = T extends readonly (infer Item)[]
  ? Plain<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Plain<T[Key]> }
    : T
const same = <Claim extends true>(claim?: Claim): Claim | undefined => claim

same<Same<z.output<typeof jobs.jobView>, client.Job>>()
same<Same<z.output<typeof jobs.eventView>, client.JobEvent>>()
same<Same<z.output<typeof jobs.logLineView>, client.LogLine>>()
same<Same<z.output<typeof jobs.logEventView>, client.LogEvent>>()
same<Same<z.output<typeof jobs.artifactView>, client.Artifact>>()
same<Same<z.output<typeof jobs.batchView>, client.BatchAnswer>>()
same<Same<z.output<typeof jobs.problemView>, client.Problem>>()
same<Same<z.output<typeof taskView>, client.Task>>()
same<Same<z.output<typeof tierView>, client.Tier>>()
// By their names: the schedules' optional limits are told in two ways.
same<Same<keyof z.output<typeof scaling.scalingView>, keyof client.Scaling>>()
same<Same<keyof z.output<typeof scaling.scalingView>['policy'], keyof client.ScalingPolicy>>()
// The policy that decides knows instants as numbers, and what does not go together.
type DecidedPolicy = Omit<domain.ScalingPolicy, 'misfit'>
same<Same<keyof DecidedPolicy, keyof client.ScalingPolicy>>()
type Told = Exclude<keyof client.ScalingPolicy, 'schedules' | 'override'>
same<Same<Pick<DecidedPolicy, Told>, Pick<client.ScalingPolicy, Told>>>()
same<Same<keyof domain.ScheduledLimits, keyof client.ScalingPolicy['schedules'][number]>>()
same<Same<z.output<typeof scaling.scalingView>['decisions'], client.Scaling['decisions']>>()
same<Same<z.output<typeof scaling.adviceView>, client.ResourceAdvice>>()
same<Same<keyof z.input<typeof scaling.scalingPolicyBody>, keyof client.ScalingChange>>()
same<Same<z.output<typeof nodeView>, client.Node>>()
same<Same<z.output<typeof secrets.secretView>, client.Secret>>()
same<Same<z.output<typeof users.userView>, client.User>>()
same<Same<z.output<typeof users.auditView>, client.AuditEntry>>()
same<Same<z.output<typeof users.tokenView>, client.Tokens>>()
same<Same<ServedReadiness, client.Readiness>>()
// What it sends.
same<Same<z.input<typeof jobs.batchItem>, client.BatchItem<client.AnyTasks>>>()
same<Same<Omit<z.input<typeof jobs.submitBody>, 'task' | 'payload'>, client.JobOptions>>()
same<Same<z.input<typeof users.createUserBody>, client.NewUser>>()
same<Same<z.input<typeof users.changeUserBody>, client.UserChange>>()
// `label` is `labels` here; workflowId is not part of this version.
type Filter = Omit<z.input<typeof jobQuery>, 'limit' | 'cursor' | 'workflowId' | 'label'>
same<Same<keyof Filter | 'labels', keyof client.JobFilter>>()

/** Calls that no client needs: pages for people, metrics for Prometheus, and artifacts by name, which the client reads by the links of the list. */
const notForClients = [
  'GET /',
  'GET /docs',
  'GET /metrics',
  'GET /openapi.json',
  'GET /v1/jobs/{id}/artifacts/{name}',
]

/** Logs in, refreshes as if the token had ended, and logs out. */
async function useSession(gateway: TestGateway, noted: client.Fetch): Promise<void> {
  const login = { username: 'somebody-else', password: 'correct horse battery staple' }
  const passwordHash = await hashPassword(login.password)
  const { username } = login
  await gateway.deps.users.insert({
    id: gateway.deps.newId(),
    username,
    passwordHash,
    role: 'user',
    tenant: 'default',
  })
  let hasEnded = false
  const client = new NoodleClient({
    url: gateway.url,
    ...login,
    fetch(url, init) {
      if (hasEnded) return noted(url, init)
      hasEnded = url.endsWith('tiers')
      return hasEnded ? Promise.resolve(new Response('', { status: 401 })) : noted(url, init)
    },
  })
  await client.tiers()
  await client.logOut()
}

test('there is a method for each call of the API', async () => {
  const gateway = await openTestGateway({ SECRETS_KEY: 'a key of more than thirty-two bytes, for tests' })
  const called = new Set<string>()
  const noted: client.Fetch = (url, init) => {
    called.add(`${init.method ?? 'GET'} ${new URL(url).pathname}`)
    return fetch(url, init)
  }
  const common = { url: gateway.url, retry: { forMs: 0 } }
  const client = new NoodleClient({ ...common, token: await gateway.tokenOf('admin'), fetch: noted })
  // Most of it is refused here, for there is nothing of these names.
  const id = gateway.deps.newId()
  const blob = { bytes: 1, sha256: '', url: '/v1/blobs/token' }
  const drain = async (source: AsyncIterable<unknown>) => {
    for await (const _ of source);
  }
  const user = { username: 'somebody', password: 'correct horse battery', role: 'user' } as const
  await Promise.allSettled([
    client.submit('echo', 1),
    drain(client.submitMany([{ task: 'echo' }])),
    client.replay(id),
    client.get(id),
    client.cancel(id),
    client.list().page(),
    client.timeline(id),
    client.logLines(id).page(),
    client.artifacts(id).page(),
    client.downloadBytes(blob),
    client.tasks(),
    client.task('echo'),
    client.tiers(),
    client.tier('small'),
    client.scaling('small'),
    client.changeScaling('small', { max: 4 }),
    client.advice('small'),
    client.nodes().page(),
    client.drain('a-node'),
    client.audit().page(),
    client.clearCache('task_echo'),
    client.secrets.list(),
    client.secrets.set('name', 'a value of some length'),
    client.secrets.remove('name'),
    client.users.list().page(),
    client.users.get(id),
    client.users.create(user),
    client.users.change(id, { disabled: true }),
    client.users.remove(id),
    client.health(),
    client.ready(),
  ])
  await useSession(gateway, noted)
  const { body } = await gateway.call('GET', '/openapi.json')
  const calls = Object.entries(body.paths as Record<string, object>)
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
    .filter((call) => !notForClients.includes(call) && !call.startsWith('GET /docs'))
  const isCalled = (call: string): boolean => {
    const shape = new RegExp(`^${call.replace(/\{\w+\}/g, '[^/]+')}$`)
    return [...called].some((one) => shape.test(one))
  }
  expect(calls.length).toBeGreaterThan(25)
  expect(calls.filter((call) => !isCalled(call))).toEqual([])
})
