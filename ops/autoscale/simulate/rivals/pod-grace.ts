/**
 * How long a pod may go on after it was told to stop, in s; then it is killed (terminationGracePeriodSeconds, 30 by default: Kubernetes, "Pod
 * Lifecycle"). Rivals that do not know which node is busy are all granted it.
 */
export const podGraceSeconds = 30
