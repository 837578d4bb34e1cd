package metrics

// Families are all figures of the server.
var Families = []Family{
	{"waystation_build_info", Gauge, []string{"version", "go_version"}, "Always 1; what is running."},
	{"waystation_start_time_seconds", Gauge, nil, "When the server started, in Unix time."},

	{"waystation_deliveries_total", Counter, []string{"transport", "outcome"}, "Deliveries that ended: delivered, dead_letter, lost (retention of the journal was faster) or replay."},
	{"waystation_delivery_attempts_total", Counter, []string{"transport"}, "Attempts to deliver."},
	{"waystation_delivery_failures_total", Counter, []string{"transport", "meaning"}, "Attempts that failed: unreachable (nobody answers there), refused (by the target's rights or settings), permanent (by the event), retry_after (told to wait) or retry (anything else)."},
	{"waystation_delivery_retries_total", Counter, []string{"transport"}, "Attempts after the first of a delivery."},
	{"waystation_delivery_signals_total", Counter, []string{"transport", "outcome"}, "Volatile events: delivered, failed or dropped."},
	{"waystation_delivery_duration_seconds", Histogram, []string{"transport"}, "Time of attempts to deliver, failed ones included."},
	{"waystation_delivery_targets", Gauge, []string{"transport"}, "Targets in use."},
	{"waystation_delivery_lanes", Gauge, []string{"transport", "state"}, "Targets and sessions with a delivery on its way: active (an attempt runs) or waiting (for a retry, a target that is away, room, or the database)."},
	{"waystation_delivery_lag_events", Gauge, []string{"transport"}, "Events logged and not yet past their targets, over all lanes."},
	{"waystation_delivery_lag_seconds", Gauge, []string{"transport"}, "Age of the oldest event that is on its way."},
	{"waystation_delivery_breakers_open", Gauge, []string{"transport"}, "Targets, or hosts of several, that cannot be reached or refuse everything."},
	{"waystation_delivery_watches", Gauge, nil, "Streams of deliveries that are open."},
	{"waystation_broker_connections", Gauge, []string{"transport", "state"}, "Connections to brokers, global ones and sessions' own: connected (the broker answered last) or away."},
	{"waystation_broker_messages_total", Counter, []string{"transport", "outcome"}, "Messages to brokers: published, failed (attempts), truncated (of the published, those sent by reference for their size) or unroutable (of the failed, those that no queue took)."},
	{"waystation_archive_pruned_total", Counter, nil, "Entries of the archive dropped by retention."},

	{"waystation_journal_appended_total", Counter, nil, "Events logged."},
	{"waystation_journal_append_duration_seconds", Histogram, nil, "Time of appends until their commit is durable, the wait in the queue included."},
	{"waystation_journal_duplicates_total", Counter, nil, "Records that were logged already."},
	{"waystation_journal_commits_total", Counter, nil, "Transactions of the journal."},
	{"waystation_journal_failed_total", Counter, nil, "Appends that failed."},
	{"waystation_journal_waited_total", Counter, nil, "Appends that found the queue full."},
	{"waystation_journal_trimmed_total", Counter, nil, "Events dropped by retention."},
	{"waystation_journal_signals_dropped_total", Counter, nil, "Volatile events that were too large."},
	{"waystation_journal_waiting", Gauge, nil, "Appends in the queue."},
	{"waystation_journal_failing", Gauge, nil, "1 while the last commit failed."},

	{"waystation_sockets", Gauge, nil, "Open sockets and event streams."},
	{"waystation_socket_events_total", Counter, nil, "Events written to sockets and event streams."},
	{"waystation_socket_signals_total", Counter, nil, "Volatile events written to them."},
	{"waystation_socket_gaps_total", Counter, nil, "Times a client was told that events are gone."},
	{"waystation_socket_written_bytes_total", Counter, nil, "Bytes written to them."},
	{"waystation_event_sockets", Gauge, nil, "Open WebSockets in the form of other gateways."},

	{"waystation_sessions", Gauge, []string{"state"}, "Sessions by state."},
	{"waystation_calls_total", Counter, []string{"method", "outcome"}, "Calls by method, once it was called: ok, refused (the caller's doing), limited (rates and limits), whatsapp (not connected, or refused there), timeout, failed (the server's doing)."},
	{"waystation_call_duration_seconds", Histogram, []string{"namespace"}, "Time of calls from arrival to reply, whatever their outcome, by the first part of the method's name."},
	{"waystation_messages_sent_total", Counter, nil, "Calls of message.send* that went well."},
	{"waystation_message_ack_duration_seconds", Histogram, nil, "Time from handing a message to WhatsApp until its acknowledgement: encryption is included, uploads and typing are not; reactions, edits and other changes count, too."},

	{"waystation_database_connections", Gauge, []string{"state"}, "Connections to the database: in_use or idle."},
	{"waystation_database_file_in_place", Gauge, nil, "1; 0 while the SQLite file was removed, moved or replaced under the server, which then writes nothing."},
	{"waystation_disk_free_bytes", Gauge, nil, "Room on the disk of the data directory; absent where it cannot be told."},

	{"go_goroutines", Gauge, nil, "Goroutines."},
	{"go_memstats_heap_objects_bytes", Gauge, nil, "Memory of objects, dead ones not yet collected among them."},
	{"go_memstats_sys_bytes", Gauge, nil, "Memory taken from the system by Go; SQLite's is apart."},
	{"go_gc_cycles_total", Counter, nil, "Runs of the garbage collector."},
}
