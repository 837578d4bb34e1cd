-- v1 -> v2: How webhooks get the files of messages
ALTER TABLE webhooks ADD COLUMN files TEXT NOT NULL DEFAULT 'none'; -- none, inline or multipart
