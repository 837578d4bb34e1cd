-- v0 -> v1: Notices to accounts
CREATE TABLE notices (
	id      TEXT    PRIMARY KEY, -- ULID
	account TEXT    NOT NULL,    -- empty = the operator
	topic   TEXT    NOT NULL,    -- an account gets one notice of a topic; empty = none
	title   TEXT    NOT NULL,
	message TEXT    NOT NULL,
	level   TEXT    NOT NULL,
	link    TEXT    NOT NULL,
	seen    INTEGER NOT NULL,    -- 1 = marked as read
	deleted INTEGER NOT NULL,    -- 1 = kept for its topic only
	created BIGINT  NOT NULL     -- milliseconds
);
CREATE INDEX notices_account ON notices (account, id);
CREATE UNIQUE INDEX notices_topic ON notices (account, topic) WHERE topic <> '';
