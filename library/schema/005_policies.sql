-- How many copies there should be of the files below a folder.
CREATE TABLE policies (
	place     TEXT NOT NULL,
	path      BLOB NOT NULL, -- below the place, no slash at either end; empty: the root
	copies    INTEGER NOT NULL CHECK (copies > 0),
	different TEXT NOT NULL, -- "device,medium"
	created   INTEGER NOT NULL,
	PRIMARY KEY (place, path)
) STRICT, WITHOUT ROWID;

-- Files that were found to hold other bytes than they were written with.
CREATE TABLE rotten (
	place    TEXT NOT NULL,
	path     BLOB NOT NULL,
	size     INTEGER NOT NULL,
	mtime    INTEGER NOT NULL,
	expected BLOB NOT NULL CHECK (length(expected) = 32), -- BLAKE3 of what was written
	actual   BLOB NOT NULL CHECK (length(actual) = 32),   -- BLAKE3 of what is there
	found    INTEGER NOT NULL,
	PRIMARY KEY (place, path)
) STRICT, WITHOUT ROWID;
