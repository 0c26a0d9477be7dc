-- What users had sd change, one row an action. What became of each file is in the journal of
-- the job, as long as that is kept.
CREATE TABLE audit (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	job     INTEGER NOT NULL, -- 0: it was no durable job
	action  TEXT NOT NULL,    -- "cp"
	title   TEXT NOT NULL,    -- what it is, for people
	command TEXT NOT NULL,    -- as it was typed, quoted for a shell
	user    TEXT NOT NULL,
	uid     INTEGER NOT NULL,
	device  TEXT NOT NULL,    -- the device that runs it
	host    TEXT NOT NULL,    -- its slug then
	state   TEXT NOT NULL,    -- '' while it is not over
	error   TEXT NOT NULL,
	outcome TEXT NOT NULL CHECK (json_valid(outcome)),
	undoes  INTEGER NOT NULL, -- the job that this one takes back; 0: none
	created INTEGER NOT NULL, -- milliseconds since 1970
	ended   INTEGER NOT NULL  -- 0: not yet
) STRICT;
CREATE UNIQUE INDEX audit_jobs ON audit (job) WHERE job <> 0;
CREATE INDEX audit_undoes ON audit (undoes) WHERE undoes <> 0;

-- Files and folders that a sync is to keep on this side. The paths are as in policies.
CREATE TABLE pins (
	place   TEXT NOT NULL,
	path    BLOB NOT NULL,
	glob    INTEGER NOT NULL, -- 1: path is a pattern
	created INTEGER NOT NULL,
	PRIMARY KEY (place, path, glob)
) STRICT, WITHOUT ROWID;
