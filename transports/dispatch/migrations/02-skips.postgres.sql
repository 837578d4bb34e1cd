-- v1 -> v2: What outlets leave out of the logs of sessions
CREATE TABLE dispatch_skips (
	session  TEXT COLLATE "C" NOT NULL,
	outlet   TEXT COLLATE "C" NOT NULL,
	epoch    TEXT NOT NULL,
	from_pos BIGINT NOT NULL, -- first offset that is left out
	to_pos   BIGINT NOT NULL, -- last one; 0 = until further notice
	PRIMARY KEY (session, outlet, epoch, from_pos)
);
