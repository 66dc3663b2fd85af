import type { Command } from 'commander'
import type { Node } from '../../../client/src/contract.ts'
import type { Cli } from '../cli.ts'
import { showRelative } from '../../../core/durations.ts'
import { tableOf } from '../table.ts'

export function addNodes(program: Command, cli: Cli): void {
  program
    .command('nodes')
    .summary('list worker nodes')
    .description('Lists worker nodes: live ones, and those that ended in the last hour.')
    .action(async () => {
      const items: Node[] = []
      for await (const page of cli.connect().pages<Node>('/v1/nodes')) items.push(...page)
      if (items.length === 0) cli.note('No nodes.')
      cli.show({ items }, () => (items.length === 0 ? [] : nodeTable(items)))
    })
}

const stateColours: Partial<Record<Node['state'], 'green' | 'yellow' | 'red'>> = {
  ready: 'green',
  draining: 'yellow',
  dead: 'red',
}

const nodeTable = (nodes: readonly Node[]): string[] =>
  tableOf(nodes, [
    { title: 'NODE', value: ({ id }) => id },
    { title: 'STATE', value: ({ state }) => state, colour: ({ state }) => stateColours[state] },
    { title: 'TIERS', value: ({ tiers }) => tiers.join(',') },
    {
      title: 'RUNNING',
      value: ({ running, concurrency }) => `${String(running)}/${String(concurrency)}`,
      align: 'right',
    },
    { title: 'CPUS', value: ({ cpus }) => cpus, align: 'right' },
    { title: 'MEMORY', value: ({ memoryMb }) => `${String(memoryMb)} MiB`, align: 'right' },
    { title: 'GPUS', value: ({ gpus }) => gpus, align: 'right' },
    { title: 'VERSION', value: ({ version }) => version },
    { title: 'STARTED', value: ({ startedAt }) => showRelative(startedAt) },
    { title: 'SEEN', value: ({ lastSeenAt }) => showRelative(lastSeenAt) },
  ])
