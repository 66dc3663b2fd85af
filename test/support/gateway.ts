import { makeAuth } from '../../api/auth/auth.ts'
import { makeApp } from '../../api/http/app.ts'
import { makeServer } from '../../api/http/make-server.ts'
import { makeBlobLinks } from '../../api/blobs/blob-links.ts'
import { makeGatewayStop } from '../../api/gateway-stop.ts'
import { gatewayOptions } from '../../api/gateway-config.ts'
import type { GatewayDeps } from '../../api/gateway-deps.ts'
import type { Route } from '../../api/http/route.ts'
import { allRoutes } from '../../api/http/routes.ts'
import { makeLogFeeds } from '../../api/logs/log-feeds.ts'
import { toEvent } from '../../api/logs/log-lines.ts'
import { openConfig } from '../../core/live-config.ts'
import type { Role, User } from '../../queue/domain/user.ts'
import { openSecretBox } from '../../queue/domain/secret-box.ts'
import { makeCatalogueView } from '../../queue/use-cases/catalogue.ts'
import { makeCheckPayload } from '../../queue/use-cases/check-payload.ts'
import { makeFleetView } from '../../queue/use-cases/fleet.ts'
import { makeJobWatch } from '../../queue/use-cases/job-watch.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { makeScalingPolicies } from '../../queue/use-cases/scaling-policies.ts'
import { makeTaskNeeds } from '../../queue/use-cases/task-needs.ts'
import { cleanUp } from './clean-up.ts'
import { listen } from './listen.ts'
import { openTestQueue } from './test-queue.ts'

export interface Answer {
  status: number
  headers: Headers
  body: any // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are JSON, which the test looks into
}

export interface TestGateway {
  url: string
  deps: QueueDeps
  gateway: GatewayDeps
  routes: Route[]
  databaseUrl: string
  redisUrl: string
  /** Makes a user, without a password that anybody knows. */
  aUser(role: Role, tenant?: string): Promise<User>
  /** An access token of a new user. */
  tokenOf(role: Role, tenant?: string): Promise<string>
  call(
    method: string,
    path: string,
    options?: { token?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer>
  /** Sets options anew, as a changed file and SIGHUP do. */
  reload(settings: Record<string, string>): void
  /** What SIGTERM does first. */
  beginStop(): void
}

export const testSecret = 'test secret of more than thirty-two bytes'

/** The gateway's app on real stores and a free port; it closes itself after the test. */
export async function openTestGateway(
  settings: Record<string, string> = {},
  options: { redisUrl?: string; env?: Record<string, string>; nowMs?: () => number } = {},
): Promise<TestGateway> {
  const { deps, databaseUrl, redisUrl } = await openTestQueue(
    {},
    { ...options, env: { ...settings, ...options.env } },
  )
  const env: NodeJS.ProcessEnv = { AUTH_JWT_SECRET: testSecret, ...settings }
  const liveConfig = openConfig(gatewayOptions, { env })
  const config = liveConfig.values
  const watch = makeJobWatch(deps)
  const fleet = makeFleetView(deps)
  const stop = makeGatewayStop()
  const taskNeeds = makeTaskNeeds(deps, () => config.RIGHTSIZE_TASKS, 50)
  const gateway: GatewayDeps = {
    queue: deps,
    auth: makeAuth({ config, queue: deps }),
    watch,
    logFeeds: makeLogFeeds(deps, { watch, format: toEvent }),
    links: makeBlobLinks({
      secret: config.AUTH_JWT_SECRET,
      previousSecrets: config.AUTH_JWT_PREVIOUS_SECRETS,
      lifeSeconds: config.BLOB_LINK_SECONDS,
      ...(options.nowMs && { nowMs: options.nowMs }),
    }),
    fleet,
    catalogue: makeCatalogueView(deps, fleet),
    checkPayload: makeCheckPayload(),
    taskNeeds,
    scalingPolicies: makeScalingPolicies(deps.tiers, config.SCALING_POLICIES),
    secretBox: openSecretBox(config),
    config,
    liveConfig,
    pingPostgres: () =>
      deps.users.isEmpty().then(
        () => true,
        () => false,
      ),
    isStopping: () => stop.isStopping(),
    closing: stop.closing,
  }
  const { address } = await listen(makeServer(makeApp(gateway), {}))
  await Promise.all([watch.start(), taskNeeds.start()])
  cleanUp(() => Promise.all([watch.stop(), taskNeeds.stop()]))
  const url = `http://${address}`

  async function aUser(role: Role, tenant = 'default'): Promise<User> {
    const id = deps.newId()
    const user = await deps.users.insert({
      id,
      username: `${role}-${id}`,
      passwordHash: 'none',
      role,
      tenant,
    })
    if (!user) throw new Error('The user was not made.')
    return user
  }

  return {
    url,
    deps,
    gateway,
    routes: allRoutes(gateway),
    databaseUrl,
    redisUrl,
    aUser,
    tokenOf: async (role, tenant) => gateway.auth.tokens.issue(await aUser(role, tenant)),
    async call(method, path, { token, body, headers } = {}) {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...(token !== undefined && { Authorization: `Bearer ${token}` }),
          ...headers,
        },
        redirect: 'manual',
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        body:
          text && /json/.test(response.headers.get('Content-Type') ?? '')
            ? (JSON.parse(text) as unknown)
            : text,
      }
    },
    reload(changed) {
      Object.assign(env, changed)
      liveConfig.reload()
    },
    beginStop() {
      stop.begin()
    },
  }
}
