import type { Command } from 'commander'
import type { Node } from '../../../client/src/contract.ts'
import type { Cli } from '../cli.ts'
import { forEach } from '../each.ts'

export function addDrain(program: Command, cli: Cli): void {
  program
    .command('drain')
    .summary('tell nodes to take no more jobs')
    .description('Tells nodes to take no more jobs. They finish what they run; stop their processes then.')
    .argument('<nodes...>', 'as nodes lists them')
    .action(async (ids: string[]) => {
      const api = cli.connect()
      const nodes = await forEach(cli, ids, (id) =>
        api.call<Node>('POST', `/v1/nodes/${encodeURIComponent(id)}/drain`, { isRepeatable: true }),
      )
      cli.show({ items: nodes }, () =>
        nodes.map(({ id, state, running }) => `${id} ${state}, ${String(running)} jobs running`),
      )
    })
}
