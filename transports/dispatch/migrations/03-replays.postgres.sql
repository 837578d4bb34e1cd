-- v2 -> v3: Replays of an entry to several targets
ALTER TABLE dispatch_replays ADD COLUMN event TEXT COLLATE "C" NOT NULL DEFAULT ''; -- of the entry: what waits for a target twice is sent once
UPDATE dispatch_replays SET event=dispatch_archive.event FROM dispatch_archive WHERE dispatch_archive.id=entry;
ALTER TABLE dispatch_replays ALTER COLUMN event DROP DEFAULT;

-- transport and target are where it goes; remove: the entry goes when all that waits of it is delivered.
ALTER TABLE dispatch_replays DROP CONSTRAINT dispatch_replays_entry_key;
ALTER TABLE dispatch_replays ADD UNIQUE (entry, transport, target);

CREATE INDEX dispatch_replays_event ON dispatch_replays (event);
