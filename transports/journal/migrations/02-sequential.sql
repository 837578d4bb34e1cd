-- v1 -> v2: On SQLite, events in the order they come

-- only: sqlite until "end only"

-- Clustered by log, each event went into the middle of the table, which rewrites a page and at every third event
-- three more. Now all events of a commit lie together, and of the index a page a session is touched: with 100
-- sessions a third of the writes.
ALTER TABLE journal_events RENAME TO journal_events_by_log;

CREATE TABLE journal_events (
	log    INTEGER NOT NULL,
	pos    INTEGER NOT NULL,
	id     TEXT    NOT NULL,
	type   TEXT    NOT NULL,
	origin TEXT    NOT NULL,
	at     INTEGER NOT NULL,
	chats  TEXT    NOT NULL,
	data   BLOB    NOT NULL,
	PRIMARY KEY (log, pos)
);

INSERT INTO journal_events (log, pos, id, type, origin, at, chats, data)
	SELECT log, pos, id, type, origin, at, chats, data FROM journal_events_by_log ORDER BY id;

DROP TABLE journal_events_by_log;

-- end only sqlite
