import { isDeepStrictEqual } from 'node:util'
import { copyName, copyWorker, type InspectedContainer, mostCopies, type WorkerCopy } from './copy-worker.ts'
import { composeLabels, scalingLabels } from './scaled-containers.ts'

/** What a request to the gate wants, as far as its method and path tell; each has one counterpart of an engine. */
export type GateRequest =
  | { what: 'list' }
  | { what: 'inspect'; id: string }
  | { what: 'log'; id: string }
  | { what: 'create'; name: string }
  | { what: 'join'; network: string }
  | { what: 'start' | 'stop' | 'remove'; id: string }

const name = '[A-Za-z0-9][A-Za-z0-9_.-]{0,127}'

const routes: {
  method: string
  path: RegExp
  read: (given: string, query: URLSearchParams) => GateRequest | null
}[] = [
  { method: 'GET', path: /^\/containers\/json$/, read: () => ({ what: 'list' }) },
  { method: 'GET', path: pathOf('/json'), read: (id) => ({ what: 'inspect', id }) },
  {
    ...{ method: 'GET', path: pathOf('/logs') },
    read: (id, query) => (query.get('follow') ? null : { what: 'log', id }),
  },
  {
    ...{ method: 'POST', path: /^\/containers\/create$/ },
    read: (_, query) => ({ what: 'create', name: query.get('name') ?? '' }),
  },
  {
    ...{ method: 'POST', path: new RegExp(`^/networks/(${name})/connect$`) },
    read: (network) => ({ what: 'join', network }),
  },
  { method: 'POST', path: pathOf('/start'), read: (id) => ({ what: 'start', id }) },
  {
    ...{ method: 'POST', path: pathOf('/kill') },
    read: (id, query) => (query.get('signal') === 'SIGTERM' ? { what: 'stop', id } : null),
  },
  { method: 'DELETE', path: pathOf(''), read: (id) => ({ what: 'remove', id }) },
]

function pathOf(deed: string): RegExp {
  return new RegExp(`^/containers/(${name})${deed}$`)
}

/** Null for all that the driver of scaling does not need. */
export function readGateRequest(method: string, url: string): GateRequest | null {
  if (!URL.canParse(url, 'http://gate')) return null
  const { pathname, searchParams } = new URL(url, 'http://gate')
  for (const route of routes) {
    const found = method === route.method ? route.path.exec(pathname) : null
    if (found) return route.read(found[1] ?? '', searchParams)
  }
  return null
}

const isOfProject = ({ Config }: InspectedContainer, project: string): boolean =>
  Config.Labels?.[composeLabels.project] === project

/** One that scaling has made. */
export const isCopy = (container: InspectedContainer, project: string): boolean =>
  isOfProject(container, project) && container.Config.Labels?.[scalingLabels.node] !== undefined

/** A worker of the project that its compose file opens to scaling. */
export const isModel = (container: InspectedContainer, project: string): boolean =>
  isOfProject(container, project) &&
  !isCopy(container, project) &&
  container.Config.Labels?.[scalingLabels.model] !== undefined

/**
 * The copy that a body for a new container asks for: null unless it is, to the letter, what comes of copying that model.
 */
export function checkedCopy(
  asked: { name: string; body: unknown },
  model: InspectedContainer,
  project: string,
): WorkerCopy | null {
  const labels = labelsOf(asked.body)
  const tier = model.Config.Labels?.[scalingLabels.model] ?? ''
  const number = Number(labels[composeLabels.number])
  const nodeId = labels[scalingLabels.node] ?? ''
  if (!Number.isInteger(number) || number < 1 || number > mostCopies) return null
  if (!new RegExp(`^${name}$`).test(nodeId)) return null
  const copy = copyWorker(model, project, { tier, number, nodeId })
  const isSame = asked.name === copyName(project, { tier, number }) && isSameJson(asked.body, copy.body)
  return isSame ? copy : null
}

/** The id of the container that a body, or a copy, says it is like. */
export const modelOf = (labels: Record<string, string>): string | undefined => {
  const id = labels[scalingLabels.from]
  return id !== undefined && /^[0-9a-f]{64}$/.test(id) ? id : undefined
}

/** Those of a body for a new container; none of what is no such body. */
export function labelsOf(body: unknown): Record<string, string> {
  if (typeof body !== 'object' || body === null || !('Labels' in body)) return {}
  const { Labels } = body
  if (typeof Labels !== 'object' || Labels === null) return {}
  return Object.fromEntries(Object.entries(Labels).filter(([, value]) => typeof value === 'string'))
}

/** True when the copy of a model joins this network in this way before it starts. */
export function joinsSo(copy: WorkerCopy, network: string, endpoint: unknown): boolean {
  const join = copy.joins.find((one) => one.network === network)
  return join !== undefined && isSameJson(endpoint, join.endpoint)
}

const isSameJson = (given: unknown, ours: unknown): boolean =>
  isDeepStrictEqual(given, JSON.parse(JSON.stringify(ours)))
