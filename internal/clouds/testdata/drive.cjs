// Google's own client drives the fake as a program of its users would.
'use strict'
const assert = require('node:assert/strict')
const { Readable } = require('node:stream')
const google = require('@googleapis/drive')
const { token, clientID, clientSecret, big, refused, run } = require('./judge.cjs')

const auth = new google.auth.OAuth2(clientID, clientSecret)
// The access token counts as ended, so the client begins with a refresh.
auth.setCredentials({ refresh_token: token.refresh_token, access_token: 'old', expiry_date: 1 })
const drive = google.drive({ version: 'v3', auth })
const folderType = 'application/vnd.google-apps.folder'

async function resumable (name, parent, body) {
  const begun = await auth.request({
    url: 'https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable&fields=id,size,md5Checksum',
    method: 'POST',
    headers: { 'X-Upload-Content-Type': 'application/octet-stream', 'X-Upload-Content-Length': String(body.length) },
    data: { name, parents: [parent] }
  })
  const url = begun.headers.get('location')
  const step = 512 * 1024
  await refused(400, () => auth.request({
    url, method: 'PUT', body: body.subarray(0, 1000), retry: false, headers: { 'Content-Range': `bytes 0-999/${body.length}` }
  }))
  let made
  for (let at = 0; at < body.length; at += step) {
    const piece = body.subarray(at, at + step)
    const answer = await auth.request({
      url,
      method: 'PUT',
      body: piece,
      validateStatus: s => s === 308 || s < 300,
      headers: { 'Content-Range': `bytes ${at}-${at + piece.length - 1}/${body.length}` }
    })
    if (at === 0) {
      const asked = await auth.request({
        url, method: 'PUT', validateStatus: s => s === 308, headers: { 'Content-Range': `bytes */${body.length}` }
      })
      assert.equal(asked.headers.get('range'), `bytes=0-${step - 1}`)
    }
    made = answer.data
  }
  assert.equal(made.size, String(body.length))
  return made.id
}

async function children (parent) {
  const files = []
  let pageToken
  do {
    const { data } = await drive.files.list({
      q: `'${parent}' in parents and trashed = false`, fields: 'nextPageToken, files(id, name, mimeType)', pageToken, orderBy: 'name'
    })
    files.push(...data.files)
    pageToken = data.nextPageToken
  } while (pageToken)
  return files
}

async function read (parent, prefix, tree) {
  for (const f of await children(parent)) {
    if (f.mimeType === folderType) {
      tree[prefix + f.name + '/'] = ''
      await read(f.id, prefix + f.name + '/', tree)
      continue
    }
    const { data } = await drive.files.get({ fileId: f.id, alt: 'media' }, { responseType: 'arraybuffer' })
    tree[prefix + f.name] = Buffer.from(data).toString('base64')
  }
  return tree
}

run(async () => {
  const start = (await drive.changes.getStartPageToken()).data.startPageToken
  const make = async (name, parent) => (await drive.files.create({ requestBody: { name, mimeType: folderType, parents: [parent] } })).data.id
  const docs = await make('docs', 'root')
  const deep = await make('deep', docs)
  const ids = []
  for (let i = 0; i < 7; i++) {
    const { data } = await drive.files.create({
      requestBody: { name: `file ${i} 'ü'.txt`, parents: [docs], modifiedTime: '2024-05-06T07:08:09.123Z' },
      media: { mimeType: 'text/plain', body: Readable.from([`content ${i}`]) },
      fields: 'id, modifiedTime, md5Checksum'
    })
    assert.equal(data.modifiedTime, '2024-05-06T07:08:09.123Z')
    ids.push(data.id)
  }
  const found = await drive.files.list({ q: "name = 'file 3 \\'ü\\'.txt' and mimeType != '" + folderType + "'", fields: 'files/id' })
  assert.deepEqual(found.data.files, [{ id: ids[3] }])

  const bigID = await resumable('big.bin', deep, big)
  const part = await drive.files.get({ fileId: bigID, alt: 'media' }, { responseType: 'arraybuffer', headers: { Range: 'bytes=1000-1099' } })
  assert.equal(part.status, 206)
  assert.ok(Buffer.from(part.data).equals(big.subarray(1000, 1100)))
  await refused(416, () => drive.files.get({ fileId: bigID, alt: 'media' }, { headers: { Range: 'bytes=99999999-' } }))

  await drive.files.update({ fileId: ids[0], media: { mimeType: 'text/plain', body: 'changed' } })
  await drive.files.update({ fileId: ids[1], requestBody: { name: 'renamed.txt' } })
  await drive.files.update({ fileId: ids[2], addParents: deep, removeParents: docs })
  await drive.files.copy({ fileId: ids[2], requestBody: { name: 'copied.txt', parents: ['root'] } })
  await drive.files.delete({ fileId: ids[4] })
  await drive.files.update({ fileId: ids[5], requestBody: { trashed: true } })
  await refused(404, () => drive.files.get({ fileId: ids[4] }))
  await refused(404, () => drive.files.create({ requestBody: { name: 'x', parents: ['nowhere'] } }))
  await refused(400, () => drive.files.list({ q: 'nonsense' }))
  await refused(400, () => drive.files.get({ fileId: bigID, fields: 'id,nonsense' }))

  const changed = new Map()
  let pageToken = start
  while (pageToken) {
    const { data } = await drive.changes.list({ pageToken, fields: 'nextPageToken,newStartPageToken,changes(fileId,removed)' })
    for (const c of data.changes) changed.set(c.fileId, c.removed)
    pageToken = data.nextPageToken
    assert.ok(pageToken || data.newStartPageToken)
  }
  assert.equal(changed.get(ids[4]), true)
  assert.equal(changed.get(ids[1]), false)
  const about = await drive.about.get({ fields: 'user(emailAddress),storageQuota(usage)' })
  assert.ok(Number(about.data.storageQuota.usage) > big.length)
  return read('root', '', {})
})
