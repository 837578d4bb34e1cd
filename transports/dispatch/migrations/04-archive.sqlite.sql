-- v3 -> v4: No index of the archive by session: it took more time than all else that a delivery stores, and what lists or deletes the entries of a session can wait for a scan
DROP INDEX dispatch_archive_session;
