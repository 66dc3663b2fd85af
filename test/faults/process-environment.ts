/** What the processes of a campaign inherit: nothing that could be an option of theirs. They start as scripts/node starts them, with what is compiled already. */
export function inheritedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    ['PATH', 'HOME', 'NODE_COMPILE_CACHE'].map((name) => [name, process.env[name] ?? '']),
  )
}
