-- v5 -> v6: Requests for history, and the history after a pairing, until their completion is an event

-- request is the id that the phone names in its answers; empty = the history after a pairing. The counts are of the chunks that
-- are stored so far. last_read: the chunk that the phone marked as the last is stored.
CREATE TABLE bridge_history_requests (
	session       TEXT    NOT NULL REFERENCES bridge_sessions (id) ON DELETE CASCADE,
	request       TEXT    NOT NULL,
	kind          TEXT    NOT NULL,
	chat          TEXT    NOT NULL,
	created_at    BIGINT  NOT NULL,
	deadline      BIGINT  NOT NULL,
	last_read     BOOLEAN NOT NULL DEFAULT false,
	chunks        BIGINT  NOT NULL DEFAULT 0,
	failed        BIGINT  NOT NULL DEFAULT 0,
	conversations BIGINT  NOT NULL DEFAULT 0,
	messages      BIGINT  NOT NULL DEFAULT 0,
	push_names    BIGINT  NOT NULL DEFAULT 0,
	statuses      BIGINT  NOT NULL DEFAULT 0,
	PRIMARY KEY (session, request)
);
CREATE INDEX bridge_history_requests_by_deadline ON bridge_history_requests (deadline);
