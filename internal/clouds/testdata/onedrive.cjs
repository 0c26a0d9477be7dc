// Microsoft's own client drives the fake as a program of its users would.
'use strict'
const assert = require('node:assert/strict')
const graph = require('@microsoft/microsoft-graph-client')
const { token, big, refused, run } = require('./judge.cjs')

const client = graph.Client.init({ authProvider: done => done(null, token.access_token) })
const root = '/me/drive/root'

async function pages (path) {
  const items = []
  let page = await client.api(path).get()
  for (;;) {
    items.push(...page.value)
    if (!page['@odata.nextLink']) return { items, deltaLink: page['@odata.deltaLink'] }
    page = await client.api(page['@odata.nextLink']).get()
  }
}

async function bytes (id, headers = {}) {
  const item = await client.api(`/me/drive/items/${id}`).select('id,@microsoft.graph.downloadUrl').get()
  return fetch(item['@microsoft.graph.downloadUrl'], { headers })
}

async function read (path, prefix, tree) {
  for (const item of (await pages(`${path}/children`)).items) {
    if (item.folder) {
      tree[prefix + item.name + '/'] = ''
      await read(`/me/drive/items/${item.id}`, prefix + item.name + '/', tree)
      continue
    }
    const answer = await bytes(item.id)
    tree[prefix + item.name] = Buffer.from(await answer.arrayBuffer()).toString('base64')
  }
  return tree
}

run(async () => {
  const latest = (await pages(`${root}/delta?token=latest`)).deltaLink
  const docs = await client.api(`${root}/children`).post({ name: 'docs', folder: {}, '@microsoft.graph.conflictBehavior': 'fail' })
  await refused(409, () => client.api(`${root}/children`).post({ name: 'DOCS', folder: {}, '@microsoft.graph.conflictBehavior': 'fail' }))
  const deep = await client.api(`${root}:/docs:/children`).post({ name: 'deep', folder: {} })
  const made = []
  for (let i = 0; i < 7; i++) {
    made.push(await client.api(`${root}:/docs/file ${i} ü.txt:/content`).put(`content ${i}`))
  }
  const again = await client.api(`${root}:/DOCS/File 3 Ü.txt`).get()
  assert.equal(again.id, made[3].id)

  const file = new graph.FileUpload(big, 'big.bin', big.length)
  const task = await graph.OneDriveLargeFileUploadTask.createTaskWithFileObject(client, file, { path: '/docs/deep', fileName: 'big.bin', rangeSize: 327680 * 2 })
  const done = await task.upload()
  assert.equal(done.responseBody.size, big.length)

  const part = await bytes(done.responseBody.id, { Range: 'bytes=1000-1099' })
  assert.equal(part.status, 206)
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(big.subarray(1000, 1100)))
  assert.equal((await bytes(done.responseBody.id, { Range: 'bytes=99999999-' })).status, 416)

  const changed = await client.api(`/me/drive/items/${made[0].id}/content`).put('changed')
  assert.notEqual(changed.eTag, made[0].eTag)
  await refused(412, () => client.api(`/me/drive/items/${made[0].id}`).header('If-Match', made[0].eTag).patch({ name: 'late.txt' }))
  await client.api(`/me/drive/items/${made[1].id}`).patch({ name: 'renamed.txt', fileSystemInfo: { lastModifiedDateTime: '2024-05-06T07:08:09Z' } })
  await client.api(`/me/drive/items/${made[2].id}`).patch({ parentReference: { id: deep.id } })
  await refused(409, () => client.api(`/me/drive/items/${made[3].id}`).patch({ name: 'RENAMED.txt' }))
  await refused(400, () => client.api(`/me/drive/items/${made[3].id}`).patch({ name: 'a:b' }))
  await refused(400, () => client.api(`/me/drive/items/${made[3].id}`).patch({ nonsense: 1 }))

  const copy = await client.api(`/me/drive/items/${made[2].id}/copy`).responseType(graph.ResponseType.RAW).post({
    name: 'copied.txt', parentReference: { driveId: docs.parentReference.driveId, path: '/drive/root:' }
  })
  assert.equal(copy.status, 202)
  for (let status = ''; status !== 'completed';) {
    ({ status } = await (await fetch(copy.headers.get('location'))).json())
    assert.ok(['inProgress', 'completed'].includes(status), status)
  }
  await client.api(`/me/drive/items/${made[4].id}`).delete()
  await refused(404, () => client.api(`/me/drive/items/${made[4].id}`).get())

  const { items } = await pages(latest)
  const byID = new Map(items.map(i => [i.id, i]))
  assert.ok(byID.get(made[4].id).deleted)
  assert.equal(byID.get(made[1].id).name, 'renamed.txt')
  const drive = await client.api('/me/drive').get()
  assert.ok(drive.quota.used > big.length)
  return read(root, '', {})
})
