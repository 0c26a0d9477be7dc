// What the three judges share: requests through the proxy, bytes to upload, the report.
'use strict'
const assert = require('node:assert/strict')
const { ProxyAgent, setGlobalDispatcher } = require('undici')

setGlobalDispatcher(new ProxyAgent(process.env.HTTPS_PROXY))

exports.token = JSON.parse(process.env.CLOUD_TOKEN)
exports.clientID = process.env.CLOUD_CLIENT_ID
exports.clientSecret = process.env.CLOUD_CLIENT_SECRET

// big is enough bytes for several pieces of an upload.
exports.big = Buffer.alloc(1_400_000)
for (let i = 0; i < exports.big.length; i++) exports.big[i] = (i * i) >> 8

// refused asserts that a call fails with this HTTP status.
exports.refused = async (status, call) => {
  try {
    await call()
  } catch (err) {
    assert.equal(Number(err.status ?? err.statusCode ?? err.code), status, String(err))
    return err
  }
  assert.fail(`the call went through, want status ${status}`)
}

// run does the work and prints the tree that it read, by path: bytes in base64, folders
// end in "/".
exports.run = work => work().then(
  tree => process.stdout.write(JSON.stringify(tree)),
  err => { console.error(err); process.exitCode = 1 })
