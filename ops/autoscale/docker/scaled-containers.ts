/** On containers of the compose project. */
export const scalingLabels = {
  /** Its value is a tier: what nodes of that tier are copied from. Of a service in the compose file. */
  model: 'noodle.scaling.model',
  /** On a copy: its tier. */
  tier: 'noodle.scaling.tier',
  /** On a copy: its node's id, as it registers itself. */
  node: 'noodle.scaling.node',
  /** On a copy: the id of the container that it is like. */
  from: 'noodle.scaling.from',
}

export const composeLabels = {
  project: 'com.docker.compose.project',
  number: 'com.docker.compose.container-number',
  /** `True` on containers that are no replicas of their service: Compose neither counts nor replaces them. */
  isOneOff: 'com.docker.compose.oneoff',
  /** Labels that tell of the container itself. */
  ofOneAlone: ['com.docker.compose.slug', 'com.docker.compose.replace'],
}

/** A container as an engine lists it. */
export interface ListedContainer {
  Id: string
  /** Each with a slash before it. */
  Names: string[]
  Labels: Record<string, string>
  /** created, running, paused, restarting, removing, exited or dead */
  State: string
  /** In words, with the exit code. */
  Status: string
  /** In s since 1970. */
  Created: number
}

/** A container that scaling has made. */
export interface ScaledContainer {
  id: string
  nodeId: string
  tier: string
  /** Its name: what two starts of the same node agree on. */
  name: string
  state: string
  status: string
}

/** The filter by which an engine is asked for the containers of a project. */
export const ofProject = (project: string) => ({ label: [`${composeLabels.project}=${project}`] })

/** Of a project's containers those that scaling has made. */
export function scaledAmong(containers: readonly ListedContainer[]): ScaledContainer[] {
  return containers.flatMap(({ Id, Names, Labels, State, Status }) => {
    const nodeId = Labels[scalingLabels.node]
    const tier = Labels[scalingLabels.tier]
    if (nodeId === undefined || tier === undefined) return []
    const name = Names[0]?.slice(1) ?? ''
    return { id: Id, nodeId, tier, name, state: State, status: Status }
  })
}

/**
 * The id of the container that nodes of a tier are copied from, running or not: of several the youngest, which an update has made last.
 * @throws Error that tells how to get one
 */
export function findModel(containers: readonly ListedContainer[], tier: string): string {
  const [youngest] = containers
    .filter(({ Labels }) => Labels[scalingLabels.model] === tier && Labels[composeLabels.isOneOff] !== 'True')
    .toSorted((a, b) => b.Created - a.Created)
  if (youngest) return youngest.Id
  throw new Error(
    `The compose project has no container to copy for tier ${tier}: none of a service with the label ${scalingLabels.model}=${tier}. One that is stopped will do.`,
  )
}

/** The compose project of the container that this process runs in; undefined when it runs in none. A container's host name is its id, unless it was given another. */
export function ownProject(containers: readonly ListedContainer[], hostname: string): string | undefined {
  if (!/^[0-9a-f]{12,64}$/.test(hostname)) return undefined
  return containers.find(({ Id }) => Id.startsWith(hostname))?.Labels[composeLabels.project]
}
