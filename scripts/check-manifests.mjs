// Holds what is in ops/kubernetes to the types of the Kubernetes API: an unknown field, a wrong value or a
// missing one is an error of the TypeScript compiler. And none of them contains a Secret.
//
//     node scripts/check-manifests.mjs TOOLS FILE.yaml …
//
// TOOLS: a folder with the npm packages yaml, typescript and kubernetes-types.

import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [tools, ...files] = process.argv.slice(2)
const require = createRequire(join(tools, 'package.json'))
const { parseAllDocuments } = require('yaml')

const typed = []
for (const file of files) {
  for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0].message}`)
    const { apiVersion, kind, metadata } = document.toJS()
    if (kind === 'Secret') throw new Error(`${file}: Secret ${metadata.name} is for the operator to make`)
    const group = apiVersion.includes('/') ? apiVersion : `core/${apiVersion}`
    typed.push(`// ${file}: ${kind} ${metadata.name}
import { ${kind} as K${typed.length} } from 'kubernetes-types/${group}'
export const o${typed.length}: K${typed.length} = ${JSON.stringify(document.toJS(), null, 1)}
`)
  }
}
const source = join(tools, 'manifests.ts')
writeFileSync(source, typed.join('\n'))
const compiler = require.resolve('typescript/lib/tsc.js')
const options = ['--noEmit', '--strict', '--skipLibCheck']
try {
  execFileSync(process.execPath, [compiler, ...options, source], { stdio: 'inherit' })
} catch {
  process.exit(1)
}
console.log(`manifests: ${typed.length} objects`)
