-- What is indexed. The paths are any bytes, below the place's root, without a slash at
-- either end; empty: the root itself.
CREATE TABLE locations (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	name    TEXT NOT NULL UNIQUE CHECK (name <> ''),
	place   TEXT NOT NULL,    -- "device:<uuid>" or "volume:<fingerprint>"
	path    BLOB NOT NULL,
	mode    TEXT NOT NULL,
	rules   TEXT NOT NULL CHECK (json_valid(rules)),
	created INTEGER NOT NULL, -- milliseconds since 1970
	scanned INTEGER NOT NULL, -- when the last whole scan ended; 0: never
	root    TEXT NOT NULL,    -- the file system at the location's root; empty: not known
	UNIQUE (place, path)
) STRICT;

-- What could not be indexed, and why.
CREATE TABLE problems (
	location INTEGER NOT NULL REFERENCES locations (id) ON DELETE CASCADE,
	path     BLOB NOT NULL,
	op       TEXT NOT NULL,
	text     TEXT NOT NULL,
	found    INTEGER NOT NULL,
	PRIMARY KEY (location, path, op)
) STRICT, WITHOUT ROWID;

-- Work that outlives its process. What changes often (progress, wishes) is in files beside
-- the database.
CREATE TABLE jobs (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	kind     TEXT NOT NULL,    -- which code runs it
	title    TEXT NOT NULL,    -- what it is, for people
	device   TEXT NOT NULL,    -- the device that runs it
	location INTEGER NOT NULL, -- what it is about; 0: no location
	detached INTEGER NOT NULL, -- 1: a mount is to run it
	args     TEXT NOT NULL CHECK (json_valid(args)),
	state    TEXT NOT NULL,
	error    TEXT NOT NULL,
	progress TEXT NOT NULL CHECK (json_valid(progress)), -- the last one
	created  INTEGER NOT NULL,
	began    INTEGER NOT NULL, -- the last start; 0: never
	ended    INTEGER NOT NULL  -- 0: not yet
) STRICT;
CREATE INDEX job_states ON jobs (state);
