import { makeMetrics } from '../../core/metrics.ts'
import { code, page, table } from './markdown.ts'

interface Described {
  name: string
  help: string
  type: string
  labelNames?: readonly string[]
}

export function renderMetrics(): string {
  const { registry } = makeMetrics()
  const all = registry.getMetricsAsArray() as unknown as Described[]
  registry.clear()
  const rows = all
    .filter(({ name }) => name.startsWith('noodle_'))
    .map(({ name, type, labelNames = [], help }) => [code(name), type, labelNames.map(code).join(', '), help])
  return page(
    'Metrics',
    `The gateway serves Prometheus text at \`/metrics\` to the networks in \`METRICS_NETWORKS\`; ops and workers serve theirs to the same networks, where
\`METRICS_PORT\` and \`METRICS_HOST\` say. Each process tells its own part, so a scraper reads all of them. Beside these there are the default metrics of prom-client (\`process_*\`, \`nodejs_*\`). Labels
have few values; none is an id.`,
    table(['metric', 'type', 'labels', 'what'], rows),
  )
}
