-- v0 -> v1: Cursors of named consumers
CREATE TABLE consumer_cursors (
	principal TEXT COLLATE "C" NOT NULL,
	name      TEXT COLLATE "C" NOT NULL,
	session   TEXT COLLATE "C" NOT NULL,
	epoch     TEXT   NOT NULL,
	pos       BIGINT NOT NULL, -- last offset that was dealt with
	updated   BIGINT NOT NULL, -- milliseconds; when it was last moved or used
	PRIMARY KEY (principal, name, session)
) WITH (fillfactor = 50); -- rows move with every flush: room for updates in place

CREATE INDEX consumer_cursors_session ON consumer_cursors (session);
