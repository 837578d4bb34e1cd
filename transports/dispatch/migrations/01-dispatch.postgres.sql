-- v0 -> v1: Cursors, archive, bodies of dead letters and queued replays
CREATE TABLE dispatch_cursors (
	id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- never used twice: what is under way for a removed target must hit nothing
	transport TEXT COLLATE "C" NOT NULL,
	target    TEXT COLLATE "C" NOT NULL,
	session   TEXT COLLATE "C" NOT NULL,
	epoch     TEXT NOT NULL,
	pos       BIGINT NOT NULL, -- last offset that was dealt with
	UNIQUE (transport, target, session)
) WITH (fillfactor = 50); -- rows move with every delivery: room for updates in place

CREATE INDEX dispatch_cursors_session ON dispatch_cursors (session);

CREATE TABLE dispatch_archive (
	id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- clients page by it: it only rises
	status      TEXT NOT NULL, -- delivered, dead_letter or gap
	event       TEXT COLLATE "C" NOT NULL, -- id; empty of a gap
	session     TEXT COLLATE "C" NOT NULL,
	from_pos    BIGINT NOT NULL, -- below pos of a gap of several events only
	pos         BIGINT NOT NULL,
	type        TEXT NOT NULL,
	transport   TEXT COLLATE "C" NOT NULL,
	target      TEXT COLLATE "C" NOT NULL,
	attempts    BIGINT NOT NULL,
	at          BIGINT NOT NULL, -- times in milliseconds: of the event,
	first_at    BIGINT NOT NULL, -- of the first attempt,
	last_at     BIGINT NOT NULL, -- of the end of the last one
	archived    BIGINT NOT NULL,
	took        BIGINT NOT NULL, -- microseconds of the last attempt
	error       TEXT NOT NULL,
	code        BIGINT NOT NULL,
	replay_of   BIGINT NOT NULL, -- 0 = none
	replays     BIGINT NOT NULL DEFAULT 0,
	last_replay BIGINT NOT NULL DEFAULT 0 -- 0 = never
);

CREATE INDEX dispatch_archive_status ON dispatch_archive (status, id);
CREATE INDEX dispatch_archive_session ON dispatch_archive (session, id);
CREATE INDEX dispatch_archive_dead ON dispatch_archive (event) WHERE status='dead_letter';

-- One for all dead letters of an event.
CREATE TABLE dispatch_bodies (
	event TEXT COLLATE "C" PRIMARY KEY,
	body  BYTEA NOT NULL
);

CREATE TABLE dispatch_replays (
	id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	entry     BIGINT NOT NULL UNIQUE, -- of the archive
	transport TEXT COLLATE "C" NOT NULL,
	target    TEXT COLLATE "C" NOT NULL,
	remove    BOOLEAN NOT NULL,
	queued    BIGINT NOT NULL
);

CREATE INDEX dispatch_replays_target ON dispatch_replays (transport, target, id);
