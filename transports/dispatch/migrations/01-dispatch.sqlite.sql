-- v0 -> v1: Cursors, archive, bodies of dead letters and queued replays
CREATE TABLE dispatch_cursors (
	id        INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: what is under way for a removed target must hit nothing
	transport TEXT    NOT NULL,
	target    TEXT    NOT NULL,
	session   TEXT    NOT NULL,
	epoch     TEXT    NOT NULL,
	pos       INTEGER NOT NULL, -- last offset that was dealt with
	UNIQUE (transport, target, session)
);

CREATE INDEX dispatch_cursors_session ON dispatch_cursors (session);

CREATE TABLE dispatch_archive (
	id          INTEGER PRIMARY KEY AUTOINCREMENT, -- clients page by it: it only rises
	status      TEXT    NOT NULL,                  -- delivered, dead_letter or gap
	event       TEXT    NOT NULL,                  -- id; empty of a gap
	session     TEXT    NOT NULL,
	from_pos    INTEGER NOT NULL,                  -- below pos of a gap of several events only
	pos         INTEGER NOT NULL,
	type        TEXT    NOT NULL,
	transport   TEXT    NOT NULL,
	target      TEXT    NOT NULL,
	attempts    INTEGER NOT NULL,
	at          INTEGER NOT NULL,                  -- times in milliseconds: of the event,
	first_at    INTEGER NOT NULL,                  -- of the first attempt,
	last_at     INTEGER NOT NULL,                  -- of the end of the last one
	archived    INTEGER NOT NULL,
	took        INTEGER NOT NULL,                  -- microseconds of the last attempt
	error       TEXT    NOT NULL,
	code        INTEGER NOT NULL,
	replay_of   INTEGER NOT NULL,                  -- 0 = none
	replays     INTEGER NOT NULL DEFAULT 0,
	last_replay INTEGER NOT NULL DEFAULT 0         -- 0 = never
);

CREATE INDEX dispatch_archive_status ON dispatch_archive (status, id);
CREATE INDEX dispatch_archive_session ON dispatch_archive (session, id);
CREATE INDEX dispatch_archive_dead ON dispatch_archive (event) WHERE status='dead_letter';

-- One for all dead letters of an event.
CREATE TABLE dispatch_bodies (
	event TEXT PRIMARY KEY,
	body  BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE dispatch_replays (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	entry     INTEGER NOT NULL UNIQUE, -- of the archive
	transport TEXT    NOT NULL,
	target    TEXT    NOT NULL,
	remove    BOOLEAN NOT NULL,
	queued    INTEGER NOT NULL
);

CREATE INDEX dispatch_replays_target ON dispatch_replays (transport, target, id);
