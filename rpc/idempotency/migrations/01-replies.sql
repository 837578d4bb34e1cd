-- v0 -> v1: Replies of calls with an idempotency key
CREATE TABLE idempotency_replies (
	id         TEXT   PRIMARY KEY,
	principal  TEXT   NOT NULL,
	started_at BIGINT NOT NULL,
	-- only: postgres for next 2 lines
	params     BYTEA  NOT NULL,
	reply      BYTEA
	-- only: sqlite for next 2 lines (lines commented)
--	params     BLOB   NOT NULL,
--	reply      BLOB
);
CREATE INDEX idempotency_replies_by_age ON idempotency_replies (started_at);
CREATE INDEX idempotency_replies_by_principal ON idempotency_replies (principal);
