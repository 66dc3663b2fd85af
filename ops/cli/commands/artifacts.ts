import type { Command } from 'commander'
import { createHash } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { artifactNameProblem } from '../../../queue/domain/blob.ts'
import type { ApiClient } from '../api-client.ts'
import type { Artifact } from '../../../client/src/contract.ts'
import { artifactTable } from '../artifact-table.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { oneLine } from '../text.ts'

interface Options {
  save?: string
  attempt?: string
}

export function addArtifacts(program: Command, cli: Cli): void {
  program
    .command('artifacts')
    .summary('list the files that a job left, or save them')
    .description(
      'Lists the artifacts of a job: of the newest attempt that has ended, unless another is named. With --save it downloads them too, and holds each against its checksum.',
    )
    .argument('<id>', 'of the job')
    .option('--save <folder>', 'download them into this folder, over what is there')
    .option('--attempt <number>', 'only of this attempt')
    .action(async (id: string, { save, attempt }: Options) => {
      const api = cli.connect()
      const items = await listArtifacts(api, id, attempt)
      if (save !== undefined) {
        for (const artifact of items) {
          await download(api, artifact, save)
          cli.note(`saved ${oneLine(join(save, artifact.name))}`)
        }
      }
      cli.show({ items }, () => artifactTable(items))
    })
}

/** All of them. */
export async function listArtifacts(api: ApiClient, id: string, attempt?: string): Promise<Artifact[]> {
  const items: Artifact[] = []
  const path = `/v1/jobs/${encodeURIComponent(id)}/artifacts`
  for await (const page of api.pages<Artifact>(path, { attempt })) items.push(...page)
  return items
}

/** Whole or not at all. @throws CliError */
async function download(api: ApiClient, { name, url, sha256 }: Artifact, folder: string): Promise<void> {
  const problem = artifactNameProblem(name)
  if (problem !== null)
    throw new CliError(
      `An artifact is called ${JSON.stringify(name)}, which ${problem}; nothing was saved for it.`,
    )
  const path = join(folder, name)
  const unfinished = `${path}.${String(process.pid)}.part`
  await mkdir(dirname(path), { recursive: true })
  const file = await open(unfinished, 'w')
  try {
    const hash = createHash('sha256')
    for await (const piece of api.download(url)) {
      hash.update(piece)
      await file.writeFile(piece)
    }
    await file.close()
    if (hash.digest('hex') !== sha256) throw new CliError(`${name} did not come as it was stored; try again.`)
    await rename(unfinished, path)
  } catch (error) {
    await file.close().catch(() => undefined)
    await rm(unfinished, { force: true })
    throw error
  }
}
