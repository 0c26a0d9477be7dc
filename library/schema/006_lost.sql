-- Contents without copies, and since when that is known, in seconds since 1970. A month
-- later they are forgotten.
CREATE TABLE lost (
	content INTEGER PRIMARY KEY, -- contents.key
	since   INTEGER NOT NULL
) STRICT;

-- When they were looked for last.
ALTER TABLE catalog ADD COLUMN swept INTEGER NOT NULL DEFAULT 0;
