import { renderCli } from './cli.ts'
import { renderConfiguration } from './configuration.ts'
import { renderErrors } from './errors.ts'
import { renderJobStates } from './job-states.ts'
import { renderMetrics } from './metrics.ts'

/** The documents that are made from the code, by their path in the checkout. */
export const documents: Record<string, () => string> = {
  'docs/cli.md': renderCli,
  'docs/configuration.md': renderConfiguration,
  'docs/errors.md': renderErrors,
  'docs/job-states.md': renderJobStates,
  'docs/metrics.md': renderMetrics,
}
