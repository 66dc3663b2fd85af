/*
 * Writes the bill of materials of what is installed in production, as CycloneDX: `npm run sbom` to stdout, `npm run sbom -- FILE` to a file.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeSbom } from './sbom/make-sbom.ts'

const text = `${JSON.stringify(makeSbom(join(import.meta.dirname, '..')), null, 2)}\n`
const [file] = process.argv.slice(2)
if (file === undefined) process.stdout.write(text)
else writeFileSync(file, text)
