-- v1 -> v2: What outlets leave out of the logs of sessions
CREATE TABLE dispatch_skips (
	session  TEXT NOT NULL,
	outlet   TEXT NOT NULL,
	epoch    TEXT NOT NULL,
	from_pos INTEGER NOT NULL, -- first offset that is left out
	to_pos   INTEGER NOT NULL, -- last one; 0 = until further notice
	PRIMARY KEY (session, outlet, epoch, from_pos)
) WITHOUT ROWID;
