/*
 * The least that a gateway with Express can do: it reads the body as JSON and sends an answer that is there already. ANSWER holds it, as JSON: headers and
 * body.
 */
import express from 'express'

const { headers, body } = JSON.parse(process.env['ANSWER'] ?? '') as {
  headers: Record<string, string>
  body: string
}

const app = express()
app.disable('x-powered-by')
app.use(express.json({ limit: '1mb' }))
app.post('/jobs', (_request, response) => {
  response.writeHead(202, headers).end(body)
})
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 })
})
