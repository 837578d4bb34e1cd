-- v0 -> v1: Logs, events and dedupe keys
CREATE TABLE journal_logs (
	id      INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: a purged log's id must not come back
	session TEXT UNIQUE,                       -- NULL: purged, rows wait for deletion
	epoch   TEXT    NOT NULL,
	head    INTEGER NOT NULL,
	oldest  INTEGER NOT NULL,
	bytes   INTEGER NOT NULL
);

-- Clustered by log: a page of one session's events lies together, and an append
-- touches one page instead of a table page and an index page.
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
) WITHOUT ROWID;

CREATE TABLE journal_keys (
	log    INTEGER NOT NULL,
	key    BLOB    NOT NULL,
	pos    INTEGER NOT NULL,
	id     TEXT    NOT NULL,
	stored INTEGER NOT NULL,
	PRIMARY KEY (log, key)
) WITHOUT ROWID;

CREATE INDEX journal_keys_stored ON journal_keys (stored);
