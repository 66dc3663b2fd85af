/** What gateway, ops and workers inherit: all that was set for us, for it may hold any option, and over it what we chose. */
export function childEnvironment(chosen: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, ...chosen }
}
