import type { INetworkPolicySpec } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicySpec'

type LabelSelector = NonNullable<INetworkPolicySpec['podSelector']>

/** Whether a selector of the API matches labels; an empty one matches all. @throws Error for an operator or values that the API would refuse */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Record<string, string>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const isThere = Object.hasOwn(labels, key)
      const isAmong = isThere && values.includes(labels[key] ?? '')
      const isSet = operator === 'In' || operator === 'NotIn'
      if (isSet !== values.length > 0)
        throw new Error(`${operator} of ${key} has ${String(values.length)} values`)
      switch (operator) {
        case 'In':
          return isAmong
        case 'NotIn':
          return !isAmong // also where there is no such label
        case 'Exists':
          return isThere
        case 'DoesNotExist':
          return !isThere
        default:
          throw new Error(`There is no operator ${operator}`)
      }
    })
  )
}
