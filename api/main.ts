import { hostname } from 'node:os'
import { orExit } from '../core/config.ts'
import { runProcess, type Component } from '../core/lifecycle.ts'
import { openConfig } from '../core/live-config.ts'
import { makeLogger } from '../core/logger.ts'
import { makeMetrics } from '../core/metrics.ts'
import { openQueue, queueOptions } from '../queue/open-queue.ts'
import { migrateWhenUp } from '../queue/store/migrate.ts'
import { openSecretBox } from '../queue/domain/secret-box.ts'
import { makeCatalogueView } from '../queue/use-cases/catalogue.ts'
import { makeCheckPayload } from '../queue/use-cases/check-payload.ts'
import { makeConfigKeeper } from '../queue/use-cases/config-keeper.ts'
import { makeFleetView } from '../queue/use-cases/fleet.ts'
import { makeJobWatch } from '../queue/use-cases/job-watch.ts'
import { resealSecrets } from '../queue/use-cases/reseal-secrets.ts'
import { makeLiveScalingPolicies } from '../queue/use-cases/scaling-policies.ts'
import { makeTaskNeeds } from '../queue/use-cases/task-needs.ts'
import { makeAuth } from './auth/auth.ts'
import { makeFirstAdmin } from './auth/first-admin.ts'
import { makeBlobLinks } from './blobs/blob-links.ts'
import type { GatewayDeps } from './gateway-deps.ts'
import { openKedaScaler } from './grpc/keda/open-keda-scaler.ts'
import { openGrpc } from './grpc/open-grpc.ts'
import { makeNodeSessions } from './grpc/workers/node-sessions.ts'
import { makeApp } from './http/app.ts'
import { makeServer } from './http/make-server.ts'
import { makeLogFeeds } from './logs/log-feeds.ts'
import { toEvent } from './logs/log-lines.ts'
import { checkGatewayConfig, gatewayOptions } from './gateway-config.ts'
import { makeGatewayStop, makeListener } from './gateway-stop.ts'

const liveConfig = orExit(() =>
  openConfig([...queueOptions, ...gatewayOptions, 'LOG_LEVEL', 'LOG_FORMAT'], {
    check: checkGatewayConfig,
  }),
)
const config = liveConfig.values
const scalingPolicies = makeLiveScalingPolicies(config)
const log = makeLogger({
  level: () => config.LOG_LEVEL,
  format: config.LOG_FORMAT,
  fields: { process: 'gateway' },
})
const metrics = makeMetrics()

await migrateWhenUp(config.DATABASE_URL, log)
const queue = await openQueue(config, { name: 'gateway', log, metrics })
const watch = makeJobWatch(queue.deps)
const secretBox = openSecretBox(config)
const fleet = makeFleetView(queue.deps)
const stop = makeGatewayStop()
const taskNeeds = makeTaskNeeds(queue.deps, () => config.RIGHTSIZE_TASKS)

const deps: GatewayDeps = {
  queue: queue.deps,
  auth: makeAuth({ config, queue: queue.deps }),
  watch,
  logFeeds: makeLogFeeds(queue.deps, { watch, format: toEvent }),
  links: makeBlobLinks({
    secret: config.AUTH_JWT_SECRET,
    previousSecrets: config.AUTH_JWT_PREVIOUS_SECRETS,
    lifeSeconds: config.BLOB_LINK_SECONDS,
  }),
  fleet,
  catalogue: makeCatalogueView(queue.deps, fleet),
  checkPayload: makeCheckPayload(),
  taskNeeds,
  scalingPolicies,
  secretBox,
  config,
  liveConfig,
  pingPostgres: () => queue.pingPostgres(),
  isStopping: () => stop.isStopping(),
  closing: stop.closing,
}
const server = makeServer(makeApp(deps), {
  headersTimeout: 10_000,
  requestTimeout: 120_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
})
const nodes = makeNodeSessions()
const grpc = [
  ...(config.GRPC_PORT === 0 ? [] : [openGrpc(deps, nodes)]),
  ...(config.KEDA_PORT === 0 ? [] : [openKedaScaler(deps)]),
]

const stores: Component = { name: 'stores', start: () => Promise.resolve(), stop: () => queue.close() }
const configKeeper = makeConfigKeeper(queue.deps, {
  config: liveConfig,
  process: 'gateway',
  instance: `${hostname()}:${String(process.pid)}`,
})
const firstAdmin: Component = {
  name: 'first admin',
  start: () => makeFirstAdmin(queue.deps, config.ADMIN_PASSWORD),
  stop: () => Promise.resolve(),
}
const secretKeeper: Component = {
  name: 'secrets',
  async start() {
    if (secretBox) await resealSecrets(queue.deps, secretBox)
  },
  stop: () => Promise.resolve(),
}
const listener = makeListener(server, {
  port: config.PORT,
  host: config.HOST,
  delayMs: config.SHUTDOWN_DELAY_MS,
  grpc,
  sendNodesAway: () => nodes.sendAway(),
  stop,
  log,
})

await runProcess({
  log,
  components: [stores, configKeeper, firstAdmin, secretKeeper, watch, taskNeeds, listener],
  stopDeadlineMs: config.SHUTDOWN_DELAY_MS + 14_000,
  reload: () => configKeeper.reload(),
})
