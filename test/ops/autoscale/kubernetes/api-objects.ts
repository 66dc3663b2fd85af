import type { DoubleDeployment } from './cluster-double.ts'
import type { DoublePod } from './pod-order.ts'

export const namespace = 'noodle'

/** As the API tells of a pod; shortened to what anybody here reads. */
export const podObject = (pod: DoublePod) => ({
  ...{ apiVersion: 'v1', kind: 'Pod' },
  metadata: {
    ...{ name: pod.name, namespace, uid: pod.uid, resourceVersion: String(pod.version) },
    labels: { 'app.kubernetes.io/name': 'noodle', deployment: pod.deployment },
    annotations: pod.annotations,
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: pod.replicaSet,
        uid: pod.replicaSet,
        controller: true,
      },
    ],
    ...(pod.isTerminating && { deletionTimestamp: new Date(0).toISOString() }),
  },
  spec: { containers: [{ name: 'noodle' }], ...(pod.machine !== null && { nodeName: pod.machine }) },
  status: {
    phase: pod.phase,
    conditions: [{ type: 'Ready', status: pod.isReady ? 'True' : 'False' }],
    ...(pod.phase === 'Running' && {
      containerStatuses: [
        {
          name: 'noodle',
          containerID: `containerd://${pod.uid}-${String(pod.restarts)}`,
          restartCount: pod.restarts,
        },
      ],
    }),
  },
})

export const scaleObject = ({ name, replicas, version }: DoubleDeployment) => ({
  ...{ apiVersion: 'autoscaling/v1', kind: 'Scale' },
  metadata: { name, namespace, uid: name, resourceVersion: String(version) },
  spec: { replicas },
  status: { replicas, selector: `deployment=${name}` },
})
