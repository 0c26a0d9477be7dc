// Dropbox's own client drives the fake as a program of its users would.
'use strict'
const assert = require('node:assert/strict')
const { Dropbox } = require('dropbox')
const { token, clientID, clientSecret, big, refused, run } = require('./judge.cjs')

// node-fetch 2, which the client brings, has buffer(); the fetch of Node has not.
const withBuffer = async (url, options) => {
  const answer = await fetch(url, options)
  answer.buffer = async () => Buffer.from(await answer.arrayBuffer())
  return answer
}
// There is no access token, so the client begins with a refresh.
const dbx = new Dropbox({ refreshToken: token.refresh_token, clientId: clientID, clientSecret, fetch: withBuffer })

async function list (arg) {
  let { result } = await dbx.filesListFolder(arg)
  const entries = [...result.entries]
  while (result.has_more) {
    ({ result } = await dbx.filesListFolderContinue({ cursor: result.cursor }))
    entries.push(...result.entries)
  }
  return entries
}

const summary = want => err => assert.ok(err.error.error_summary.startsWith(want), err.error.error_summary)

run(async () => {
  const { result: { cursor } } = await dbx.filesListFolderGetLatestCursor({ path: '', recursive: true })
  await dbx.filesCreateFolderV2({ path: '/docs/deep' })
  await refused(409, () => dbx.filesCreateFolderV2({ path: '/DOCS' })).then(summary('path/conflict/folder'))
  const made = []
  for (let i = 0; i < 7; i++) {
    const { result } = await dbx.filesUpload({
      path: `/docs/file ${i} ü😀.txt`, contents: `content ${i}`, client_modified: '2024-05-06T07:08:09Z'
    })
    assert.equal(result.client_modified, '2024-05-06T07:08:09Z')
    made.push(result)
  }
  const { result: again } = await dbx.filesGetMetadata({ path: '/DOCS/File 3 Ü😀.txt' })
  assert.equal(again.id, made[3].id)

  const step = 512 * 1024
  const { result: { session_id: id } } = await dbx.filesUploadSessionStart({ contents: big.subarray(0, step) })
  await refused(409, () => dbx.filesUploadSessionAppendV2({ cursor: { session_id: id, offset: 1 }, contents: big.subarray(0, 10) })).then(
    err => assert.equal(err.error.error.correct_offset, step))
  await dbx.filesUploadSessionAppendV2({ cursor: { session_id: id, offset: step }, contents: big.subarray(step, 2 * step) })
  const { result: large } = await dbx.filesUploadSessionFinish({
    cursor: { session_id: id, offset: 2 * step }, commit: { path: '/docs/deep/big.bin' }, contents: big.subarray(2 * step)
  })
  assert.equal(large.size, big.length)

  const bearer = { Authorization: `Bearer ${dbx.auth.getAccessToken()}`, 'Dropbox-API-Arg': JSON.stringify({ path: large.id }) }
  const part = await fetch('https://content.dropboxapi.com/2/files/download', { method: 'POST', headers: { ...bearer, Range: 'bytes=1000-1099' } })
  assert.equal(part.status, 206)
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(big.subarray(1000, 1100)))

  await refused(409, () => dbx.filesUpload({ path: made[0].path_display, contents: 'other' })).then(summary('path/conflict/file'))
  await dbx.filesUpload({ path: made[0].path_display, contents: 'changed', mode: { '.tag': 'update', update: made[0].rev } })
  await refused(409, () => dbx.filesUpload({ path: made[0].path_display, contents: 'late', mode: { '.tag': 'update', update: made[0].rev } }))
  await dbx.filesMoveV2({ from_path: made[1].path_display, to_path: '/docs/renamed.txt' })
  await dbx.filesMoveV2({ from_path: made[2].id, to_path: '/docs/deep/moved.txt' })
  await refused(409, () => dbx.filesMoveV2({ from_path: '/docs', to_path: '/docs/deep/docs' })).then(summary('cant_move_folder_into_itself'))
  await dbx.filesCopyV2({ from_path: '/docs/deep/moved.txt', to_path: '/copied.txt' })
  await dbx.filesDeleteV2({ path: made[4].path_display })
  await refused(409, () => dbx.filesDownload({ path: made[4].path_display })).then(summary('path/not_found'))
  await refused(400, () => dbx.filesListFolder({ path: '/' }))
  await refused(400, () => dbx.filesListFolder({ path: '', nonsense: true }))

  const poll = await fetch('https://notify.dropboxapi.com/2/files/list_folder/longpoll', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ cursor, timeout: 30 })
  })
  assert.equal((await poll.json()).changes, true)
  const changes = new Map()
  for (let at = cursor, more = true; more;) {
    const { result } = await dbx.filesListFolderContinue({ cursor: at })
    for (const e of result.entries) changes.set(e.path_lower, e['.tag'])
    at = result.cursor
    more = result.has_more
  }
  assert.equal(changes.get(made[4].path_lower), 'deleted')
  assert.equal(changes.get('/docs/renamed.txt'), 'file')
  const { result: space } = await dbx.usersGetSpaceUsage()
  assert.ok(space.used > big.length)

  const tree = {}
  for (const e of await list({ path: '', recursive: true })) {
    const name = e.path_display.slice(1)
    if (e['.tag'] === 'folder') {
      tree[name + '/'] = ''
      continue
    }
    const { result } = await dbx.filesDownload({ path: e.path_lower })
    tree[name] = Buffer.from(result.fileBinary).toString('base64')
  }
  return tree
})
