import type { Command } from 'commander'
import type { Page } from '../api-client.ts'
import type { Tier } from '../../../client/src/contract.ts'
import type { Cli } from '../cli.ts'
import { showDuration } from '../../../core/durations.ts'
import { tableOf } from '../table.ts'

export function addTiers(program: Command, cli: Cli): void {
  program
    .command('tiers')
    .summary('show each tier: size, jobs, nodes')
    .description(
      'Shows each tier: how large its nodes are, how many jobs wait and run, and how fast they come and go.',
    )
    .action(async () => {
      const page = await cli.connect().call<Page<Tier>>('GET', '/v1/tiers')
      cli.show(page, () =>
        tableOf(page.items, [
          { title: 'TIER', value: ({ tier }) => tier },
          {
            title: 'SIZE',
            value: ({ size }) =>
              `${String(size.cpu)} cpu, ${String(size.memoryMb)} MiB, ${String(size.gpu)} gpu`,
          },
          { title: 'PENDING', value: ({ pending }) => pending, align: 'right' },
          { title: 'QUEUED', value: ({ queued }) => queued, align: 'right' },
          { title: 'RUNNING', value: ({ running }) => running, align: 'right' },
          {
            title: 'OLDEST WAIT',
            value: ({ oldestWaitMs }) => (oldestWaitMs > 0 ? showDuration(oldestWaitMs) : ''),
          },
          { title: 'IN/S', value: ({ arrivalsPerSecond }) => arrivalsPerSecond.toFixed(1), align: 'right' },
          { title: 'OUT/S', value: ({ finishesPerSecond }) => finishesPerSecond.toFixed(1), align: 'right' },
          {
            title: 'NODES',
            value: ({ replicas }) => replicas.ready,
            align: 'right',
            colour: ({ replicas, pending, queued }) =>
              replicas.ready === 0 && pending + queued + replicas.desired > 0 ? 'red' : undefined,
          },
          { title: 'STARTING', value: ({ replicas }) => replicas.starting, align: 'right' },
          { title: 'DRAINING', value: ({ replicas }) => replicas.draining, align: 'right' },
          { title: 'DESIRED', value: ({ replicas }) => replicas.desired, align: 'right' },
        ]),
      )
    })
}
