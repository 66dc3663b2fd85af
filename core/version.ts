import packageJson from '../package.json' with { type: 'json' }

/** Of the package, as /ready, nodes and the command line tell it. */
export const version: string = packageJson.version
