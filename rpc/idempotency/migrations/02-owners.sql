-- v1 -> v2: Whose data a call acted on
ALTER TABLE idempotency_replies ADD COLUMN owner TEXT NOT NULL DEFAULT ''; -- empty: none, or older than this version
