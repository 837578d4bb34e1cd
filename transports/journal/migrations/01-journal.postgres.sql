-- v0 -> v1: Logs, events and dedupe keys
CREATE TABLE journal_logs (
	id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	session TEXT COLLATE "C" UNIQUE, -- NULL: purged, rows wait for deletion
	epoch   TEXT   NOT NULL,
	head    BIGINT NOT NULL,
	oldest  BIGINT NOT NULL,
	bytes   BIGINT NOT NULL
) WITH (fillfactor = 50); -- heads move with every commit: room for updates in place

CREATE TABLE journal_events (
	log    BIGINT NOT NULL,
	pos    BIGINT NOT NULL,
	id     TEXT   NOT NULL,
	type   TEXT   NOT NULL,
	origin TEXT   NOT NULL,
	at     BIGINT NOT NULL,
	chats  TEXT   NOT NULL,
	data   BYTEA  NOT NULL,
	PRIMARY KEY (log, pos)
);

CREATE TABLE journal_keys (
	log    BIGINT NOT NULL,
	key    BYTEA  NOT NULL,
	pos    BIGINT NOT NULL,
	id     TEXT   NOT NULL,
	stored BIGINT NOT NULL,
	PRIMARY KEY (log, key)
);

CREATE INDEX journal_keys_stored ON journal_keys (stored);
