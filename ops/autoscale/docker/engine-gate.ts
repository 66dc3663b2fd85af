import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import type { Component } from '../../../core/lifecycle.ts'
import type { Logger } from '../../../core/logger.ts'
import { copyWorker, type InspectedContainer } from './copy-worker.ts'
import { type AskEngine, EngineRefusal, readAnswer } from './engine-client.ts'
import {
  checkedCopy,
  type GateRequest,
  isCopy,
  isModel,
  joinsSo,
  labelsOf,
  modelOf,
  readGateRequest,
} from './gate-rules.ts'
import { composeLabels, ofProject, scalingLabels } from './scaled-containers.ts'

export interface EngineGateOptions {
  /** 0 for any that is free. */
  port: number
  host: string
  ask: AskEngine
  /** The compose project that it is for. Rejects while the engine does not tell. */
  project: () => Promise<string>
  log: Logger
}

/** A container's description is some kB. */
const bodyBytes = 262_144

/** A request that is not let through, with what to say of it. */
class Refused extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/**
 * Stands between ops and a container engine, and lets through what the scaling of one compose project needs of the engine's API: to list the project's containers, to
 * make copies of its workers, and to start, stop and remove those copies. What goes to the engine is written here; of a request only ids, and the name
 * and number of a copy, get that far. So whoever reaches the gate can have more or fewer workers, and nothing else.
 */
export function makeEngineGate({ port, host, ask, project, log }: EngineGateOptions): Component & {
  /** Where it listens, once it has started. */
  port: () => number
} {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    serve(request, response).catch((error: unknown) => {
      const { status, text } = toldOf(error)
      const asked = {
        ...{ method: request.method, path: request.url?.slice(0, 200), status, told: text },
        ...(status >= 500 && { error }),
      }
      // What is gone, or is taken already, is daily bread.
      if (status === 404 || status === 409) log.debug('a request was answered with a refusal', asked)
      else log.warn('a request was not let through to the container engine', asked)
      if (response.headersSent) response.destroy()
      else response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(text)
    })
  })

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = readGateRequest(request.method ?? '', request.url ?? '')
    if (!asked) throw new Refused(403, 'This gate is for the scaling of workers, which does not need that.')
    const body = await readBody(request)
    const answer = await carryOut(asked, body, await project())
    response.writeHead(answer.statusCode ?? 502, {
      'content-type': answer.headers['content-type'] ?? 'application/json',
    })
    await pipeline(answer, response)
  }

  async function carryOut(asked: GateRequest, body: unknown, of: string): Promise<IncomingMessage> {
    switch (asked.what) {
      case 'list':
        return ask(
          'GET',
          `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify(ofProject(of)))}`,
        )
      case 'inspect': {
        const { Id } = await inspect(asked.id, (container) => isModel(container, of) || isCopy(container, of))
        return ask('GET', `/containers/${Id}/json`)
      }
      case 'log': {
        const { Id } = await inspect(asked.id, (container) => isCopy(container, of))
        return ask('GET', `/containers/${Id}/logs?stdout=1&stderr=1&tail=50`)
      }
      case 'create': {
        const model = await findModelOf(labelsOf(body), of)
        const copy = checkedCopy({ name: asked.name, body }, model, of)
        if (!copy) throw new Refused(403, 'Only containers like a worker of the compose project are made.')
        return ask('POST', `/containers/create?name=${encodeURIComponent(copy.name)}`, copy.body)
      }
      case 'join':
        return join(asked.network, body, of)
      case 'start':
      case 'stop':
      case 'remove': {
        const { Id } = await inspect(asked.id, (container) => isCopy(container, of))
        if (asked.what === 'start') return ask('POST', `/containers/${Id}/start`)
        if (asked.what === 'stop') return ask('POST', `/containers/${Id}/kill?signal=SIGTERM`)
        return ask('DELETE', `/containers/${Id}?force=1&v=1`)
      }
    }
  }

  async function join(network: string, body: unknown, of: string): Promise<IncomingMessage> {
    const { Container: id = '', EndpointConfig: endpoint } = (body ?? {}) as Record<string, unknown>
    const container = await inspect(String(id), (found) => isCopy(found, of))
    const labels = container.Config.Labels ?? {}
    const model = await findModelOf(labels, of)
    const copy = copyWorker(model, of, {
      tier: labels[scalingLabels.tier] ?? '',
      number: Number(labels[composeLabels.number]),
      nodeId: labels[scalingLabels.node] ?? '',
    })
    if (!joinsSo(copy, network, endpoint))
      throw new Refused(403, 'A worker joins the networks that its model is in, and no other.')
    return ask('POST', `/networks/${encodeURIComponent(network)}/connect`, {
      Container: container.Id,
      EndpointConfig: endpoint,
    })
  }

  async function findModelOf(labels: Record<string, string>, of: string): Promise<InspectedContainer> {
    const id = modelOf(labels)
    if (id === undefined)
      throw new Refused(403, 'Only containers like a worker of the compose project are made.')
    return inspect(id, (container) => isModel(container, of))
  }

  /** @throws Refused, as an engine that has no such container, unless it is one that may be dealt with so */
  async function inspect(
    id: string,
    mayBe: (container: InspectedContainer) => boolean,
  ): Promise<InspectedContainer> {
    const found = (await readAnswer(
      await ask('GET', `/containers/${encodeURIComponent(id)}/json`),
    )) as InspectedContainer
    if (!mayBe(found)) throw new Refused(404, `No such container: ${id}`)
    return found
  }

  return {
    name: 'engine gate',
    port() {
      const address = server.address()
      return typeof address === 'object' && address ? address.port : port
    },
    async start() {
      server.listen(port, host)
      await once(server, 'listening')
    },
    async stop() {
      if (!server.listening) return
      server.close()
      server.closeIdleConnections()
      await once(server, 'close')
    },
  }
}

/** @throws Refused when it is too large or no JSON */
async function readBody(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > bodyBytes) throw new Refused(413, `A body has at most ${String(bodyBytes)} bytes here.`)
    pieces.push(piece)
  }
  if (bytes === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(pieces).toString())
  } catch {
    throw new Refused(400, 'The body is not JSON.')
  }
}

/** In the form in which engines tell what is wrong. */
function toldOf(error: unknown): { status: number; text: string } {
  if (error instanceof EngineRefusal) return { status: error.status, text: error.text }
  if (error instanceof Refused)
    return { status: error.status, text: JSON.stringify({ message: error.message }) }
  const message = 'The container engine does not answer the gate; its log tells more.'
  return { status: 502, text: JSON.stringify({ message }) }
}
