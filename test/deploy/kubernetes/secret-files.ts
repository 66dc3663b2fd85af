import type { Workload } from './pods.ts'

export interface SecretFile {
  option: string
  path: string
  secret: string
  key: string
  isMounted: boolean
}

/** The variables `…_FILE` of a container, with the key of the Secret that each is. */
export function secretFiles({ pod, container, env }: Workload): SecretFile[] {
  return Object.entries(env)
    .filter(([name]) => name.endsWith('_FILE'))
    .map(([name, path]) => {
      const mount = container.volumeMounts?.find(({ mountPath }) => path.startsWith(`${mountPath}/`))
      const volume = pod.volumes?.find((candidate) => candidate.name === mount?.name)?.secret
      const item = volume?.items?.find((candidate) => `${mount?.mountPath ?? ''}/${candidate.path}` === path)
      return {
        option: name.slice(0, -'_FILE'.length),
        path,
        secret: volume?.secretName ?? '',
        key: item?.key ?? '',
        isMounted: item !== undefined && mount?.readOnly === true,
      }
    })
}
