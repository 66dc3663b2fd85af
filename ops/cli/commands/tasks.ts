import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { taskNamePattern } from '../../../queue/domain/node.ts'
import type { Task } from '../../../client/src/contract.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { starterTask } from '../starter-task.ts'
import { tableOf } from '../table.ts'
import { type DescribedTask, renderTasks } from '../task-types/render-tasks.ts'

interface NewOptions {
  python?: boolean
  dir: string
}

export function addTasks(program: Command, cli: Cli): void {
  const tasks = program
    .command('tasks')
    .summary('list tasks, begin a new one, and write their types')
    .description('Tasks: what there is to run (docs/tasks.md).')
  tasks
    .command('list', { isDefault: true })
    .description('Lists the tasks that are built in, and those that nodes offer or have offered.')
    .action(async () => {
      const { items } = await cli.connect().call<{ items: Task[] }>('GET', '/v1/tasks')
      cli.show({ items }, () => taskTable(items))
    })
  tasks
    .command('new')
    .description('Writes the file of a new task, which runs as it is.')
    .argument('<name>', 'a letter, then letters, digits, dots, dashes or underscores')
    .option('--python', 'in Python instead of TypeScript')
    .option('--dir <folder>', 'where to write it', 'tasks')
    .action((name: string, options: NewOptions) => {
      const file = writeStarter(name, options)
      cli.show({ file }, () => [
        `${file} is written.`,
        `Try it: TASKS_DIR=${options.dir} npm start, then noodle submit --wait ${name} '{"name": "Ada"}'`,
      ])
    })
  tasks
    .command('types')
    .description(
      'Writes the payload and the result of each task as TypeScript, from their JSON Schemas: for new NoodleClient<Tasks>, so that the compiler checks what is submitted (client/README.md).',
    )
    .option('--out <file>', 'where to, over what is there; default: stdout')
    .action(async ({ out }: { out?: string }) => {
      const { items } = await cli.connect().call<{ items: DescribedTask[] }>('GET', '/v1/tasks')
      const types = renderTasks(items)
      if (out === undefined) {
        cli.show({ types }, () => types.trimEnd())
        return
      }
      writeTypes(out, types)
      cli.show({ file: out }, () => `${out} is written, with ${String(items.length)} tasks.`)
    })
}

/** @throws CliError */
function writeTypes(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw notWritten(file, error)
  }
}

const notWritten = (file: string, error: unknown): CliError =>
  new CliError(`${file} could not be written: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  })

/** Answers with the file's path. @throws CliError, also when there is such a file already */
function writeStarter(name: string, { python: isPython = false, dir }: NewOptions): string {
  if (!taskNamePattern.test(name))
    throw new CliError(
      `${name} can't be the name of a task: it must begin with a letter, then letters, digits, dots, dashes or underscores, at most 128.`,
      { exitCode: 2 },
    )
  const language = isPython ? 'py' : 'ts'
  const file = join(dir, `${name}.task.${language}`)
  try {
    mkdirSync(dir, { recursive: true })
    writeFileSync(file, starterTask(name, language), { flag: 'wx' })
  } catch (error) {
    throw notWritten(file, error)
  }
  return file
}

const taskTable = (tasks: readonly Task[]): string[] =>
  tableOf(tasks, [
    { title: 'TASK', value: ({ name }) => name },
    { title: 'KIND', value: ({ kind }) => kind },
    { title: 'VERSION', value: ({ version }) => version },
    {
      title: 'NODES',
      value: ({ nodes }) =>
        Object.entries(nodes)
          .map(([tier, count]) => `${tier} ${String(count)}`)
          .join(', ') || 'none',
      colour: ({ nodes }) => (Object.keys(nodes).length === 0 ? 'yellow' : undefined),
    },
    { title: 'DESCRIPTION', value: ({ description }) => description },
  ])
