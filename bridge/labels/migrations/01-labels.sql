-- v0 -> v1: Labels of a session and the chats and messages that carry them
CREATE TABLE labels (
	session    TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	color      INTEGER NOT NULL,
	predefined INTEGER NOT NULL, -- number of WhatsApp's own label; 0 = another label
	synced     BOOLEAN NOT NULL, -- an entry of the account's app state
	created_at BIGINT  NOT NULL,
	updated_at BIGINT  NOT NULL,
	PRIMARY KEY (session, id)
);

-- message is empty when the chat itself carries the label. chat is the address in the app state, which may be a LID.
CREATE TABLE label_uses (
	session TEXT    NOT NULL,
	label   TEXT    NOT NULL,
	chat    TEXT    NOT NULL,
	message TEXT    NOT NULL,
	synced  BOOLEAN NOT NULL,
	PRIMARY KEY (session, label, chat, message)
);
CREATE INDEX label_uses_by_chat ON label_uses (session, chat, message);
