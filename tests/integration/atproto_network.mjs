// The AT Protocol's own development network (npm: @atproto/dev-env) with invented accounts: prints one line of JSON
// when it is ready, and ends when its input does. Needs DB_POSTGRES_URL and REDIS_HOST.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const modules = createRequire(`${process.argv[2]}/`)
const { TestNetwork } = await import(pathToFileURL(modules.resolve('@atproto/dev-env')).href)
const [posts, password] = [Number(process.argv[3]), process.argv[4]]

// A schema of its own; letters only.
const schema = `city_${[...String(process.pid)].map((digit) => 'abcdefghij'[digit]).join('')}`
const network = await TestNetwork.create({ dbPostgresSchema: schema, dbPostgresUrl: process.env.DB_POSTGRES_URL })

async function account(name) {
  const client = network.pds.getClient()
  await client.createAccount({ handle: `${name}.test`, email: `${name}@test.example`, password })
  return client
}

const [city, shy] = [await account('city'), await account('shy')]
for (let number = 0; number < posts; number++) await city.post({ text: `the market, number ${number}`, langs: ['en'] })
await shy.upsertProfile(() => ({
  labels: { $type: 'com.atproto.label.defs#selfLabels', values: [{ val: '!no-unauthenticated' }] },
}))
await shy.post({ text: 'the market, not for visitors' })
await network.processAll()

console.log(JSON.stringify({ pds: new URL(network.pds.url).port, appview: new URL(network.bsky.url).port }))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
