-- v0 -> v1: Logs and events
CREATE TABLE journal_logs (
	session TEXT   PRIMARY KEY,
	epoch   TEXT   NOT NULL,
	head    BIGINT NOT NULL,
	oldest  BIGINT NOT NULL
);

CREATE TABLE journal_events (
	session TEXT   NOT NULL,
	ofs     BIGINT NOT NULL,
	id      TEXT   NOT NULL,
	type    TEXT   NOT NULL,
	origin  TEXT   NOT NULL,
	time_ms BIGINT NOT NULL,
	chats   TEXT   NOT NULL,
	-- only: postgres
	data    BYTEA  NOT NULL,
	-- only: sqlite
	data    BLOB   NOT NULL,
	dedupe  TEXT,
	PRIMARY KEY (session, ofs)
);

CREATE UNIQUE INDEX journal_events_dedupe ON journal_events (session, dedupe) WHERE dedupe IS NOT NULL;
