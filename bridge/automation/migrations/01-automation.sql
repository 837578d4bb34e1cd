-- v0 -> v1: Settings and rules of automatic answers, messages that may need one, and the answers of a day

-- settings is JSON; remove_background_key is sealed.
CREATE TABLE automation_settings (
	session               TEXT   NOT NULL PRIMARY KEY,
	settings              TEXT   NOT NULL,
	remove_background_key TEXT   NOT NULL,
	created_at            BIGINT NOT NULL,
	updated_at            BIGINT NOT NULL
);

-- content is JSON, as in message.send.
CREATE TABLE automation_rules (
	session    TEXT   NOT NULL,
	id         TEXT   NOT NULL,
	keyword    TEXT   NOT NULL,
	match      TEXT   NOT NULL,
	chat_type  TEXT   NOT NULL,
	content    TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (session, id)
);

-- Messages that were recorded and not yet looked at. task is JSON.
CREATE TABLE automation_tasks (
	session    TEXT   NOT NULL,
	id         TEXT   NOT NULL,
	task       TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (session, id)
);
CREATE INDEX automation_tasks_by_time ON automation_tasks (session, created_at, id);

-- message is the id of the message that is the answer: another session recognises it by that.
CREATE TABLE automation_answers (
	session     TEXT   NOT NULL,
	id          TEXT   NOT NULL, -- of the task
	message     TEXT   NOT NULL,
	chat        TEXT   NOT NULL,
	asker       TEXT   NOT NULL,
	answered_at BIGINT NOT NULL,
	PRIMARY KEY (session, id)
);
CREATE INDEX automation_answers_by_message ON automation_answers (message);
CREATE INDEX automation_answers_by_time ON automation_answers (session, answered_at);
