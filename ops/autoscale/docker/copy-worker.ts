import { composeLabels, scalingLabels } from './scaled-containers.ts'

type Json = Record<string, unknown>

/** What an engine tells of a container, as far as a copy needs it. */
export interface InspectedContainer {
  Id: string
  /** With a slash before it. */
  Name: string
  /** The image's id. */
  Image: string
  Config: Json & { Env: string[] | null; Labels: Record<string, string> | null; StopTimeout?: number | null }
  HostConfig: Json & {
    NetworkMode: string
    Binds: string[] | null
    Mounts?: (Json & { Source?: string })[] | null
  }
  NetworkSettings: { Networks: Record<string, { Aliases: string[] | null }> | null }
}

/** What tells a copy from its model, and from other copies. */
export interface CopyNames {
  tier: string
  /** From 1, within the tier. */
  number: number
  nodeId: string
}

export interface WorkerCopy {
  name: string
  /** The body by which an engine makes the container. */
  body: Json
  /** The networks that it joins after that and before it starts, for engines before 25 take only one at first. */
  joins: { network: string; endpoint: { Aliases: string[] } }[]
}

/** More nodes of a tier than this an engine never gets, whoever asks. */
export const mostCopies = 100

/** Those of scaling sort apart from Compose's own. */
export const copyName = (project: string, { tier, number }: Pick<CopyNames, 'tier' | 'number'>): string =>
  `${project}-scaled-${tier}-${String(number)}`

/** Volumes without a name are their container's alone: a worker empties its scratch folder when it starts. Compose carries them over when it replaces a container. */
const isUnnamed = (volume: string): boolean => /^[0-9a-f]{64}$/.test(volume)

/**
 * A container like the model: image, environment, networks, mounts, limits, security options, log rotation, stop grace and labels are the same. Its own are name, host name, node id,
 * addresses, and volumes without a name. It publishes no ports, and is not started again when it has ended: then scaling decides anew.
 */
export function copyWorker(model: InspectedContainer, project: string, names: CopyNames): WorkerCopy {
  const { Config: config, HostConfig: host } = model
  const networks = Object.entries(model.NetworkSettings.Networks ?? {}).map(([network, { Aliases }]) => ({
    network,
    endpoint: { Aliases: (Aliases ?? []).filter((alias) => !isOwnName(alias, model)) },
  }))
  const first = networks.find(({ network }) => network === host.NetworkMode)
  return {
    name: copyName(project, names),
    body: {
      ...without(config, ['Hostname', 'Domainname', 'MacAddress']),
      Image: model.Image, // not its name, which may mean another one by now
      Env: [
        ...(config.Env ?? []).filter((entry) => !entry.startsWith('NODE_ID=')),
        `NODE_ID=${names.nodeId}`,
      ],
      Labels: {
        ...without(config.Labels ?? {}, [scalingLabels.model, ...composeLabels.ofOneAlone]),
        [composeLabels.isOneOff]: 'True',
        [composeLabels.number]: String(names.number),
        [scalingLabels.tier]: names.tier,
        [scalingLabels.node]: names.nodeId,
        [scalingLabels.from]: model.Id,
      },
      HostConfig: {
        ...host,
        Binds: (host.Binds ?? []).filter((bind) => !isUnnamed(bind.split(':')[0] ?? '')),
        Mounts: (host.Mounts ?? []).map((mount) =>
          isUnnamed(mount.Source ?? '') ? { ...mount, Source: '' } : mount,
        ),
        ...{ AutoRemove: false, ContainerIDFile: '', PortBindings: {} },
        RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      },
      NetworkingConfig: { EndpointsConfig: first ? { [first.network]: first.endpoint } : {} },
    },
    joins: first ? networks.filter((one) => one !== first) : [],
  }
}

const without = <T>(record: Record<string, T>, names: readonly string[]): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)))

const isOwnName = (alias: string, { Id, Name }: InspectedContainer): boolean =>
  Id.startsWith(alias) || alias === Name.slice(1)
