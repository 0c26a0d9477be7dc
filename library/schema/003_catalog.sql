-- What is indexed: folders, files, contents. Names are the store's bytes as they are.
-- Packed columns: "stamp" is a time of change with the store's version (catalog/stamp.go).

-- A row without parent is the top of a place; its name is the place.
CREATE TABLE folders (
	id     INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
	parent INTEGER NOT NULL,                  -- 0: none
	name   BLOB NOT NULL,
	stamp  BLOB NOT NULL,
	listed INTEGER NOT NULL                   -- 1: all that it holds was read once
) STRICT;
CREATE UNIQUE INDEX folder_names ON folders (parent, name);

-- All that is no folder. Rows of one folder lie together, in the order of their names.
CREATE TABLE files (
	folder  INTEGER NOT NULL,
	name    BLOB NOT NULL,
	type    INTEGER NOT NULL,
	kind    INTEGER NOT NULL,
	size    INTEGER NOT NULL,
	stamp   BLOB NOT NULL,
	content INTEGER,                    -- contents.key
	proof   INTEGER NOT NULL DEFAULT 0, -- how well content is known
	hint    INTEGER,                    -- equal hints: probable copies
	sums    BLOB,                       -- the provider's checksums
	PRIMARY KEY (folder, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_hints ON files (hint) WHERE hint IS NOT NULL;

-- Contents that were proven once, also those whose copies are all gone.
CREATE TABLE contents (
	key    INTEGER PRIMARY KEY, -- the first 47 bits of the content id; one more where those are taken
	blake3 BLOB NOT NULL,
	size   INTEGER NOT NULL,
	print  INTEGER,             -- the fingerprint; NULL where the file is small enough to be read whole for it
	home   INTEGER              -- the folder of a file that has it and no row in copies
) STRICT;

-- The files of a content but the one at home: most contents have no more, and need no row here.
CREATE TABLE copies (
	content INTEGER NOT NULL,
	folder  INTEGER NOT NULL,
	name    BLOB NOT NULL,
	PRIMARY KEY (content, folder, name)
) STRICT, WITHOUT ROWID;

-- Identities of local files that are gone, for the case that they have moved.
CREATE TABLE orphans (
	root    INTEGER NOT NULL, -- the top of the place
	inode   INTEGER NOT NULL,
	size    INTEGER NOT NULL,
	mtime   INTEGER NOT NULL,
	content INTEGER NOT NULL,
	seen    INTEGER NOT NULL, -- when it was gone, in seconds since 1970
	tried   INTEGER NOT NULL, -- 1: compared with the files that were there before
	PRIMARY KEY (root, inode, size, mtime)
) STRICT, WITHOUT ROWID;

-- What changed since the name pack was made.
CREATE TABLE fresh (
	folder INTEGER NOT NULL,
	whole  INTEGER NOT NULL, -- 1: the folder itself and all its files, and name is empty
	name   BLOB NOT NULL,
	seq    INTEGER NOT NULL, -- the transaction
	PRIMARY KEY (folder, whole, name)
) STRICT, WITHOUT ROWID;

-- One row.
CREATE TABLE catalog (
	seq   INTEGER NOT NULL, -- of the last transaction that left something in fresh
	pack  TEXT NOT NULL,    -- the name pack that holds all else
	moved INTEGER NOT NULL  -- files that took an orphan's content since somebody asked
) STRICT;
INSERT INTO catalog (seq, pack, moved) VALUES (0, '', 0);
