-- v0 -> v1: Automatic sends, the jobs they belong to, and the times of sends for the limits

-- message is the message of all entries of the job, as JSON. next_at is the earliest time of the next send.
CREATE TABLE outbox_jobs (
	session    TEXT   NOT NULL,
	id         TEXT   NOT NULL,
	kind       TEXT   NOT NULL,
	state      TEXT   NOT NULL,
	message    TEXT   NOT NULL,
	delay      BIGINT NOT NULL, -- milliseconds between two sends
	jitter     BIGINT NOT NULL, -- milliseconds, the longest random addition
	total      BIGINT NOT NULL,
	next_at    BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	ended_at   BIGINT NOT NULL, -- 0 = not ended
	PRIMARY KEY (session, id)
);
CREATE INDEX outbox_jobs_by_end ON outbox_jobs (ended_at);

-- message is empty in entries of a job. due_at is the wanted time, next_at the earliest time of the next attempt, expire_at the
-- time after which the entry is not sent any more (0 = none). A sending entry may have been sent.
CREATE TABLE outbox_entries (
	session    TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	job        TEXT    NOT NULL, -- empty = none
	position   BIGINT  NOT NULL, -- within the job
	priority   INTEGER NOT NULL,
	recipient  TEXT    NOT NULL,
	message    TEXT    NOT NULL,
	state      TEXT    NOT NULL,
	attempts   BIGINT  NOT NULL,
	due_at     BIGINT  NOT NULL,
	next_at    BIGINT  NOT NULL,
	expire_at  BIGINT  NOT NULL,
	error      TEXT    NOT NULL, -- reason of the failure, or of the last failed attempt
	error_text TEXT    NOT NULL,
	created_at BIGINT  NOT NULL,
	ended_at   BIGINT  NOT NULL, -- 0 = not ended
	PRIMARY KEY (session, id)
);
CREATE INDEX outbox_entries_open ON outbox_entries (session, priority, next_at) WHERE ended_at=0;
CREATE INDEX outbox_entries_by_job ON outbox_entries (session, job, position);
CREATE INDEX outbox_entries_by_end ON outbox_entries (ended_at);

-- Times of governed sends within a day.
CREATE TABLE outbox_sends (
	session TEXT   NOT NULL,
	sent_at BIGINT NOT NULL
);
CREATE INDEX outbox_sends_by_time ON outbox_sends (session, sent_at);

-- Until when WhatsApp's refusal stops the automatic sends of a session.
CREATE TABLE outbox_holds (
	session TEXT   NOT NULL PRIMARY KEY,
	reason  TEXT   NOT NULL,
	until   BIGINT NOT NULL
);
