/** A task that runs as it is, to begin with. `name` is one that a task may have. */
export function starterTask(name: string, language: 'ts' | 'py'): string {
  return language === 'py' ? pythonTask(name) : moduleTask(name)
}

const moduleTask = (name: string): string => `import { defineTask } from 'noodle/task'
import { z } from 'zod'

export default defineTask({
  name: '${name}',
  version: '1',
  description: 'What it does, in a sentence.',
  input: z.strictObject({ name: z.string().min(1) }),
  output: z.object({ greeting: z.string() }),
  defaults: { timeoutMs: 60_000, retry: { maxAttempts: 3 } },
  async run(ctx) {
    ctx.progress(50, 'half way')
    ctx.log(\`attempt \${ctx.attempt}\`)
    return { greeting: \`Hello \${ctx.input.name}\` }
  },
})
`

const pythonTask = (name: string): string => `from noodle import task


@task(
    name="${name}",
    version="1",
    description="What it does, in a sentence.",
    input={
        "type": "object",
        "properties": {"name": {"type": "string", "minLength": 1}},
        "required": ["name"],
        "additionalProperties": False,
    },
    output={"type": "object", "required": ["greeting"]},
    defaults={"timeoutMs": 60000, "retry": {"maxAttempts": 3}},
)
def run(ctx, input):
    ctx.progress(50, "half way")
    ctx.log("attempt %d" % ctx.attempt)
    return {"greeting": "Hello " + input["name"]}
`
