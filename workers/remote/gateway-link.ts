import { setTimeout as delay } from 'node:timers/promises'
import type { Component } from '../../core/lifecycle.ts'
import type { Logger } from '../../core/logger.ts'
import type { Metrics } from '../../core/metrics.ts'
import { within } from '../../core/within.ts'
import type { Assignment__Output } from '../../proto/generated/noodle/v1/Assignment.ts'
import type { WorkHello } from '../../proto/generated/noodle/v1/WorkHello.ts'
import { QueueError } from '../../queue/domain/errors.ts'
import type { GatewayClient, GatewayClients } from './gateway-client.ts'
import { openWorkStream, type WorkStream } from './work-stream.ts'

/** The way from this node to whichever gateway answers: one stream for the boot, opened anew wherever one can be had when it breaks. */
export interface GatewayLink extends Component {
  /** The connection for calls; the gateway of the stream, while there is one. */
  client(): GatewayClient
  /** To be told when a call got no answer. */
  suspect(client: GatewayClient): void
  /** From now on there shall be a stream for this boot, and for no other. */
  attach(bootId: string): void
  detach(): void
  bootId(): string | undefined
  /** The stream of the boot. @throws GATEWAY_UNAVAILABLE when there is none within `waitMs`; NODE_GIVEN_UP */
  stream(bootId: string, waitMs: number): Promise<WorkStream>
  /** A gateway is late with an answer: another stream is opened, to another one if there is, and takes its place, unless `trust` says before that the answer came. */
  doubt(stream: WorkStream): void
  trust(stream: WorkStream): void
  /** Another stream takes the place of the one of the moment: it begins with what holds now. */
  renewStream(): void
  /** The stream of the moment. */
  openStream(): WorkStream | undefined
  hearer: LinkHearer
}

/** Filled in by those who hear. */
export interface LinkHearer {
  /** What a new stream begins with. */
  hello: (bootId: string) => WorkHello
  onJob: (job: Assignment__Output, stream: WorkStream) => void
  onRenewNow: () => void
  onDrained: () => void
  /** A stream has become that of the moment. */
  onOpen: (stream: WorkStream) => void
}

/** How long a stream that another one has taken the place of may go on, for what is not answered yet. */
const retireTrustedMs = 2000
/** The same of one that is late: so long that what is on its way may come. */
const retireDoubtedMs = 100
const longestPauseMs = 1000
/** Before a token runs out the stream moves to one with the next, so long after its begin, and not more often than that. */
const moveAt = 0.8
const usualLeastMoveMs = 10_000

export function makeGatewayLink(options: {
  clients: GatewayClients
  /** Host and port of each. */
  addresses: readonly string[]
  /** When the token of now runs out, in ms since 1970; undefined when that is not known. */
  tokenEndMs: () => number | undefined
  leaseMs: number
  /** Default 10 s. */
  leastMoveMs?: number
  log: Logger
  metrics: Pick<Metrics, 'gatewayConnections'>
}): GatewayLink {
  const { clients, addresses, leaseMs, leastMoveMs = usualLeastMoveMs, log, metrics } = options
  /** Enough for a gateway that works; then another one is asked. */
  const welcomeMs = Math.max(1000, leaseMs * 0.25)
  const stopping = new AbortController()
  let place = Math.floor(Math.random() * addresses.length)
  let attached: { bootId: string; isGivenUp: boolean } | undefined
  let current: { stream: WorkStream; client: GatewayClient } | undefined
  let spare: GatewayClient | undefined
  let isSentAway = false
  let doubted: WorkStream | undefined
  let maintaining: Promise<void> | undefined
  let move: NodeJS.Timeout | undefined
  const waiters = new Set<() => void>()

  const nextAddress = (): string => addresses[place++ % addresses.length] ?? ''
  const wake = (): void => {
    for (const one of waiters) one()
  }

  function maintain(): void {
    maintaining ??= openUntilWelcome().finally(() => {
      maintaining = undefined
      if (isWanted()) maintain()
    })
  }

  const isWanted = (): boolean =>
    attached !== undefined &&
    !attached.isGivenUp &&
    !stopping.signal.aborted &&
    (current === undefined || isSentAway || current.stream === doubted)

  async function openUntilWelcome(): Promise<void> {
    let hasFailed = false
    for (let tries = 0; isWanted() && attached; tries++) {
      const wanted = attached
      try {
        await openOne(wanted.bootId)
        if (hasFailed) log.info('a gateway takes this node again')
        return
      } catch (error) {
        if (error instanceof QueueError && error.code === 'NODE_GIVEN_UP' && attached === wanted) {
          wanted.isGivenUp = true
          wake()
          return
        }
        if (!hasFailed) log.warn('no gateway takes this node, it is tried again', { error })
        hasFailed = true
        // The other gateways first, without a pause.
        if ((tries + 1) % addresses.length === 0) {
          const pauseMs = Math.min(longestPauseMs, 50 * 2 ** Math.min(tries, 5)) * (0.5 + Math.random() / 2)
          await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined)
        }
      }
    }
  }

  async function openOne(bootId: string): Promise<void> {
    const client = clients.open(nextAddress())
    const opened = await openWorkStream(client, clients.toError, {
      hello: { ...hearer.hello(bootId), leaseMs },
      welcomeMs,
      hearer: {
        onJob: (job, stream) => {
          if (stream === current?.stream) hearer.onJob(job, stream)
        },
        onRenewNow: () => hearer.onRenewNow(),
        onDrained(stream) {
          if (stream === current?.stream) hearer.onDrained()
        },
        onGoAway(stream) {
          if (stream !== current?.stream) return
          log.info('the gateway sends this node to another one', { address: client.address })
          leave()
        },
        onEnd(stream, error) {
          if (stream !== current?.stream) return
          current = undefined
          if (!attached || stopping.signal.aborted) return
          log.warn('the stream to the gateway ended, another one is opened', {
            address: client.address,
            error,
          })
          maintain()
        },
      },
    })
    if (attached?.bootId !== bootId || stopping.signal.aborted) {
      opened.close()
      return
    }
    const former = current?.stream
    if (former && !isSentAway && former !== doubted) {
      opened.close() // it has answered after all
      return
    }
    const retireMs = former === doubted ? retireDoubtedMs : retireTrustedMs
    doubted = undefined
    current = { stream: opened, client }
    isSentAway = false
    spare?.close()
    spare = undefined
    metrics.gatewayConnections.inc()
    log.info('connected to a gateway', { address: client.address })
    moveBeforeTokenEnds()
    hearer.onOpen(opened)
    wake()
    hearer.onRenewNow() // the lease may be short by now
    if (former) void within(retireMs, former.idle()).then(() => former.close())
  }

  /** The stream goes on until another one is there. */
  function leave(): void {
    isSentAway = true
    maintain()
  }

  /** Leaves nothing behind: while no gateway is there it is called again and again. */
  async function untilWoken(mostMs: number): Promise<void> {
    let waiter = (): void => undefined
    const woken = new Promise<void>((resolve) => (waiter = resolve))
    waiters.add(waiter)
    await within(mostMs, woken)
    waiters.delete(waiter)
  }

  function moveBeforeTokenEnds(): void {
    clearTimeout(move)
    const endMs = options.tokenEndMs()
    const inMs = endMs === undefined ? 0 : (endMs - Date.now()) * moveAt
    if (inMs >= leastMoveMs) move = setTimeout(leave, Math.min(inMs, 2 ** 31 - 1)).unref()
  }

  const hearer: LinkHearer = {
    hello: (bootId) => ({ bootId }),
    onJob: () => undefined,
    onRenewNow: () => undefined,
    onDrained: () => undefined,
    onOpen: () => undefined,
  }

  return {
    name: 'gateway',
    hearer,
    start: () => Promise.resolve(),
    async stop() {
      stopping.abort()
      clearTimeout(move)
      current?.stream.close()
      current = undefined
      spare?.close()
      wake()
      await maintaining
    },
    client: () => current?.client ?? (spare ??= clients.open(nextAddress())),
    suspect(client) {
      if (client !== spare) return
      spare.close()
      spare = undefined
    },
    attach(bootId) {
      if (attached?.bootId !== bootId) {
        current?.stream.close()
        current = undefined
        attached = { bootId, isGivenUp: false }
      }
      maintain()
    },
    detach() {
      attached = undefined
      current?.stream.close()
      current = undefined
      wake()
    },
    bootId: () => attached?.bootId,
    async stream(bootId, waitMs) {
      const giveUpMs = performance.now() + waitMs
      while (attached?.bootId === bootId && !attached.isGivenUp && !stopping.signal.aborted) {
        if (current) return current.stream
        const leftMs = giveUpMs - performance.now()
        if (leftMs <= 0) break
        await untilWoken(leftMs)
      }
      if (attached?.bootId === bootId && attached.isGivenUp)
        throw new QueueError('NODE_GIVEN_UP', 'The boot of this node was given up.')
      throw new QueueError(
        'GATEWAY_UNAVAILABLE',
        `No gateway at ${addresses.join(', ')} takes this node now.`,
      )
    },
    doubt(stream) {
      if (stream !== current?.stream) return
      doubted = stream
      maintain()
    },
    trust(stream) {
      if (doubted === stream) doubted = undefined
    },
    renewStream() {
      if (current) leave()
    },
    openStream: () => current?.stream,
  }
}
