-- v2 -> v3: Replays of an entry to several targets
CREATE TABLE dispatch_sends (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	entry     INTEGER NOT NULL, -- of the archive
	event     TEXT    NOT NULL, -- of the entry: what waits for a target twice is sent once
	transport TEXT    NOT NULL, -- where it goes
	target    TEXT    NOT NULL,
	remove    BOOLEAN NOT NULL, -- the entry goes when all that waits of it is delivered
	queued    INTEGER NOT NULL,
	UNIQUE (entry, transport, target)
);

INSERT INTO dispatch_sends (id, entry, event, transport, target, remove, queued)
	SELECT id, entry, COALESCE((SELECT event FROM dispatch_archive WHERE dispatch_archive.id=entry), ''), transport, target, remove, queued FROM dispatch_replays ORDER BY id;

DROP TABLE dispatch_replays;
ALTER TABLE dispatch_sends RENAME TO dispatch_replays;

CREATE INDEX dispatch_replays_target ON dispatch_replays (transport, target, id);
CREATE INDEX dispatch_replays_event ON dispatch_replays (event);
