import type Docker from 'dockerode'
import { Agent } from 'node:http'
import { engineConnection } from './engine-connection.js'

/** Docker's client for the engine at an address, not connected yet. It is 34 MB in memory, so only who has to do with containers loads it. */
export async function openEngine(address: string): Promise<Docker> {
  const { default: Client } = await import('dockerode')
  const here = engineConnection(address)
  const settings = {
    // Named although absent: else the client takes what DOCKER_HOST says.
    ...{ host: undefined, port: undefined, socketPath: undefined },
    ...here,
    protocol: 'http',
    pathPrefix: '/',
    agent: new Agent(), // a connection for each request: none grows old in between
  }
  return new Client(settings as Docker.DockerOptions)
}

/** The HTTP status that an engine answered with; undefined when it did not answer. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : undefined
}

/** What an engine says went wrong, without what its client puts round it. */
export function saidBy(error: unknown): string {
  if (error instanceof Error && 'json' in error) {
    const { json } = error
    if (typeof json === 'object' && json !== null && 'message' in json) return String(json.message)
  }
  return error instanceof Error ? error.message : String(error)
}
