-- v0 -> v1: Cursors of named consumers
CREATE TABLE consumer_cursors (
	principal TEXT    NOT NULL,
	name      TEXT    NOT NULL,
	session   TEXT    NOT NULL,
	epoch     TEXT    NOT NULL,
	pos       INTEGER NOT NULL, -- last offset that was dealt with
	updated   INTEGER NOT NULL, -- milliseconds; when it was last moved or used
	PRIMARY KEY (principal, name, session)
) WITHOUT ROWID;

CREATE INDEX consumer_cursors_session ON consumer_cursors (session);
