-- v0 -> v1: Calls that could change something
CREATE TABLE audit_entries (
	id         TEXT    PRIMARY KEY, -- ULID
	at         BIGINT  NOT NULL,    -- milliseconds
	caller     TEXT    NOT NULL,
	account    TEXT    NOT NULL,
	credential TEXT    NOT NULL,
	session    TEXT    NOT NULL,
	owner      TEXT    NOT NULL,    -- key of the session's data
	method     TEXT    NOT NULL,
	request    TEXT    NOT NULL,
	code       INTEGER NOT NULL,
	reason     TEXT    NOT NULL,
	took       BIGINT  NOT NULL     -- milliseconds
);
CREATE INDEX audit_entries_session ON audit_entries (session, id);
CREATE INDEX audit_entries_account ON audit_entries (account, id);
CREATE INDEX audit_entries_owner ON audit_entries (owner);
