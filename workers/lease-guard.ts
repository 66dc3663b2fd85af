/** Ends what this node runs, should nobody have said by a certain instant that it may go on. */
export interface LeaseGuard {
  /** `performance.now()` by which the lease will have been renewed or all jobs stopped; null when nothing runs under a lease any more. */
  guardUntil(untilMs: number | null): void
}
