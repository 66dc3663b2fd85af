import { KubeConfig } from '@kubernetes/client-node'
import { ConfigError } from '../../../../core/config.ts'

/**
 * The API server and the namespace: of the pod's service account, or of the current context of a file as kubectl has it.
 * @throws ConfigError when there is neither
 */
export function findCluster(kubeConfigFile: string | undefined): {
  kubeConfig: KubeConfig
  namespace: string
} {
  const kubeConfig = new KubeConfig()
  try {
    if (kubeConfigFile === undefined) kubeConfig.loadFromCluster()
    else kubeConfig.loadFromFile(kubeConfigFile)
  } catch (error) {
    throw new ConfigError([`KUBECONFIG ${kubeConfigFile ?? ''} can't be read: ${String(error)}`])
  }
  const namespace = kubeConfig.getContextObject(kubeConfig.getCurrentContext())?.namespace?.trim()
  if (kubeConfigFile === undefined && !namespace)
    throw new ConfigError([
      'SCALING_DRIVER=kubernetes needs the service account of a pod, which components/autoscaler of deploy/kubernetes gives to the masters, or KUBECONFIG. Neither is here.',
    ])
  return { kubeConfig, namespace: namespace ?? 'default' }
}
