import type { Command } from 'commander'
import { makeProgram } from '../../ops/cli/program.ts'
import { page } from './markdown.ts'

export function renderCli(): string {
  const program = makeProgram()
    .configureHelp({ helpWidth: 110 })
    .configureOutput({ outputError: () => undefined })
  return page(
    'Command line',
    `\`npx noodle <command>\` in a checkout. It talks to the gateway that \`npm start\` started, with the login in \`.noodle/credentials.json\`; \`NOODLE_URL\` and
\`NOODLE_TOKEN\` name another one. \`--json\` with any command prints JSON instead of text for people. Exit codes: 0 done, 1 the thing failed, 2 wrong usage.
What the answer is stands on stdout, all else on stderr.`,
    ...visibleCommands(program).flatMap((command) => [`## ${command.name()}`, ...describe(command)]),
  )
}

function describe(command: Command): string[] {
  return [help(command), ...visibleCommands(command).map(help)]
}

/** Commander's own words, without the part that tells of options for all commands. */
function help(command: Command): string {
  command.configureHelp({ helpWidth: 110, showGlobalOptions: false })
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part) })
  command.outputHelp()
  return `\`\`\`\n${text.trim()}\n\`\`\``
}

const visibleCommands = (command: Command): Command[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help')
