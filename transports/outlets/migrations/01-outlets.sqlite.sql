-- v0 -> v1: Brokers of sessions
CREATE TABLE outlets (
	session   TEXT NOT NULL,
	transport TEXT NOT NULL,
	enabled   BOOLEAN NOT NULL,
	events    TEXT    NOT NULL, -- JSON array of event names
	place     BLOB,   -- encrypted JSON object of url and options
	created   INTEGER NOT NULL, -- milliseconds
	updated   INTEGER NOT NULL, -- milliseconds
	PRIMARY KEY (session, transport)
) WITHOUT ROWID;
