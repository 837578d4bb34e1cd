-- v1 -> v2: Sessions that are deleted and still have rows elsewhere
CREATE TABLE bridge_deletions (
	session TEXT    PRIMARY KEY,
	data    BOOLEAN NOT NULL -- what was stored for it goes, too
);
