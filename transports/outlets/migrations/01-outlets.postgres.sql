-- v0 -> v1: Brokers of sessions
CREATE TABLE outlets (
	session   TEXT COLLATE "C" NOT NULL,
	transport TEXT COLLATE "C" NOT NULL,
	enabled   BOOLEAN NOT NULL,
	events    TEXT    NOT NULL, -- JSON array of event names
	place     BYTEA,   -- encrypted JSON object of url and options
	created   BIGINT NOT NULL, -- milliseconds
	updated   BIGINT NOT NULL, -- milliseconds
	PRIMARY KEY (session, transport)
);
