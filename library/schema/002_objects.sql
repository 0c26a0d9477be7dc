-- What listings do not tell of objects. Names are any bytes.
CREATE TABLE objects (
	volume  TEXT NOT NULL, -- a fingerprint
	dir     BLOB NOT NULL, -- below the volume, no slash at either end; empty: the root
	name    BLOB NOT NULL,
	version BLOB NOT NULL,
	data    BLOB NOT NULL,
	PRIMARY KEY (volume, dir, name)
) STRICT, WITHOUT ROWID;

-- How many changes there were to all but objects.
CREATE TABLE changes (n INTEGER NOT NULL) STRICT;
INSERT INTO changes (n) VALUES (0);
