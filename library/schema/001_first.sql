CREATE TABLE devices (
	id      TEXT PRIMARY KEY CHECK (length(id) = 36),
	name    TEXT NOT NULL,
	slug    TEXT NOT NULL UNIQUE CHECK (slug <> ''),
	created INTEGER NOT NULL -- milliseconds since 1970
) STRICT;

CREATE TABLE volumes (
	fingerprint TEXT PRIMARY KEY CHECK (fingerprint <> ''),
	service     TEXT NOT NULL,
	identifier  TEXT NOT NULL,
	mount_point TEXT UNIQUE,                   -- "s3://bucket-2"
	device_id   TEXT REFERENCES devices (id),  -- NULL: reached from every device
	name        TEXT NOT NULL,
	kind        TEXT NOT NULL,
	medium      TEXT NOT NULL,
	config      TEXT NOT NULL CHECK (json_valid(config)),
	created     INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX volume_names ON volumes (name) WHERE device_id IS NULL AND name <> '';
CREATE INDEX volume_devices ON volumes (device_id);

CREATE TABLE settings (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
