package config

import "time"

// Config is every setting of `waystation serve`. Tags of a field:
//
//	section  begins a group of settings in -help and docs/reference/settings.md
//	flag     name of the flag; the variable is WAYSTATION_ and the name in capitals
//	unit     what the value is; empty for booleans
//	default  value when nothing is given; absent = empty
//	min, max bounds of a number or duration
//	enum     allowed values, split by |
//	doc      what it does
//	why      reason for the default
//	secret   never shown; better given by variable or file than on the command line
type Config struct {
	source source

	Listen string `section:"Serving" flag:"listen" unit:"host:port" default:"127.0.0.1:8480" doc:"Address of the HTTP and WebSocket listener." why:"Only this machine; another address needs an admin token."`

	AdminToken string `flag:"admin-token" unit:"token" secret:"true" doc:"Token that may do everything, 16 characters or more; better set by variable or file than on the command line." why:"One is made at the first start and kept in the file admin-token in the data directory, readable by its owner alone."`

	AdminTokenFile string `flag:"admin-token-file" unit:"path" doc:"File that holds the admin token, instead of admin-token." why:"Files keep the token out of process lists."`

	Secret string `flag:"secret" unit:"text" secret:"true" doc:"Secret of 32 characters or more that encrypts passwords and keys in the database (of webhooks, brokers, object storages and proxies) and signs media addresses and event ids. Servers on one PostgreSQL database need the same; back it up, as the database is of no use without it." why:"One is made at the first start and kept in the file secret in the data directory, readable by its owner alone."`

	SecretFile string `flag:"secret-file" unit:"path" doc:"File that holds the secret, instead of secret. It must exist." why:"The file secret in the data directory, which is made at the first start."`

	PreviousSecretFile string `flag:"previous-secret-file" unit:"path" doc:"File with the secret that was used before. Values encrypted with it are encrypted with the current one at the start; then this setting can go. Stop all servers on the database first." why:"The secret was not replaced."`

	previousSecret string // read from PreviousSecretFile

	PublicURL string `flag:"public-url" unit:"URL" doc:"Where clients reach this server, for addresses in replies." why:"http:// and the address it listens on."`

	MetricsListen string `flag:"metrics-listen" unit:"host:port" doc:"Address of a second listener that serves GET /metrics alone, without a token; for a network of your own." why:"GET /metrics of the first listener takes the admin token."`

	MinDiskFree int `flag:"min-disk-free" unit:"bytes" default:"268435456" min:"0" doc:"Room on the disk of the data directory below which the server calls itself degraded." why:"Retention and the database need some to make room."`

	AllowedHosts []string `flag:"allowed-hosts" unit:"host,..." doc:"Names under which clients reach this server, in the Host header, besides the listen address, IP addresses, localhost, public-url and allowed-origins; * = any." why:"A page elsewhere could have its own name resolve to this server (DNS rebinding)."`

	AllowedOrigins []string `flag:"allowed-origins" unit:"origin,..." doc:"Web origins (https://app.example, http://localhost:3000; a bare host stands for https) whose pages may use this server, besides its own. Matched exactly." why:"A page elsewhere must not reach a server on the loopback of its reader."`

	TrustedProxies []string `flag:"trusted-proxies" unit:"address,..." default:"127.0.0.0/8,::1" doc:"Addresses and networks of reverse proxies whose X-Forwarded-For header names the caller, for limits by address." why:"A proxy on this machine is the usual one; processes on it could only lie about themselves."`

	ShutdownTimeout time.Duration `flag:"shutdown-timeout" unit:"duration" default:"20s" min:"1s" max:"10m" doc:"Time to end after SIGINT or SIGTERM; connections and calls have three quarters of it." why:"Sockets are drained within 10 s; Docker and Kubernetes often kill after 30 s or less."`

	EnvFile string `flag:"env-file" unit:"path" doc:"File of variables (NAME=value lines), for those that the environment does not set. Read at the start, and again for the global transports and the object storage of all sessions at SIGHUP and transport.reloadGlobal." why:"The environment alone."`

	LogLevel string `flag:"log-level" unit:"level" default:"info" enum:"debug|info|warn|error" doc:"Least level that is logged." why:"Neither bodies nor phone numbers are logged at info."`

	LogFormat string `flag:"log-format" unit:"format" default:"text" enum:"text|json" doc:"Form of the log on standard error." why:"People read text first; json is for collectors."`

	DataDir string `section:"Storage" flag:"data-dir" unit:"path" default:"./data" doc:"Directory of the SQLite database, media and generated files, for one server at a time; made when missing." why:"Nothing is written elsewhere."`

	Database string `flag:"database" unit:"URL" doc:"SQLite file path, or postgres://user:password@host/name." secret:"true" why:"waystation.db in the data directory; with the sandbox in this process sandbox.db, which is emptied at every start as the simulated network forgets too."`

	RetainFor time.Duration `flag:"retain-for" unit:"duration" default:"168h" min:"1m" doc:"Age up to which events stay readable for a client that resumes." why:"A week covers a holiday weekend with a broken client."`

	RetainBytes int `flag:"retain-bytes" unit:"bytes" default:"67108864" min:"65536" doc:"Size of the events kept per session; the oldest go first." why:"Some 100,000 events; one busy session must not fill the disk."`

	RetainEvents int `flag:"retain-events" unit:"events" default:"100000" min:"1" doc:"Events kept per session; the oldest go first." why:"The number of events of usual size in retain-bytes."`

	ConsumerFlush time.Duration `flag:"consumer-flush" unit:"duration" default:"200ms" min:"1ms" max:"1m" doc:"Time acknowledgements of named consumers gather before they are stored; a crash repeats the events of that time." why:"Five commits a second, however many acknowledgements."`

	ConsumerFlushChanges int `flag:"consumer-flush-changes" unit:"cursors" default:"1000" min:"1" max:"100000" doc:"Changed cursors of named consumers that are stored at once, before consumer-flush is over." why:"One commit of this size takes milliseconds."`

	KeepConsumers time.Duration `flag:"keep-consumers" unit:"duration" default:"720h" min:"1h" doc:"Time an unused named consumer keeps its cursors." why:"Far longer than the events they point to, so that their loss is announced."`

	MaxMediaBytes int `flag:"max-media-bytes" unit:"bytes" default:"104857600" min:"1024" max:"2147483648" doc:"Largest file that is sent or kept." why:"WhatsApp itself accepts 2 GB, which few servers have to spare."`

	SessionMediaBytes int `flag:"session-media-bytes" unit:"bytes" default:"2147483648" min:"1024" doc:"Size of the files kept per session. Each counts for 4 KiB at least." why:"One busy session must not fill the disk."`

	MaxTransfers int `flag:"max-transfers" unit:"files" default:"32" min:"1" max:"10000" doc:"Files that are uploaded to or downloaded from /v1/media at a time; a session, or a token that is not a session's, may have a quarter of them." why:"Each may fill the disk with a file of the largest size."`

	KeepDeleted time.Duration `flag:"keep-deleted" unit:"duration" default:"720h" min:"1m" doc:"Time messages, media and contact keys of a session are kept after it was deleted without purge. session.create with restore adopts them; no other session of that id can read them." why:"A month to notice a mistake, and no data without an end."`
	KeepMedia   time.Duration `flag:"keep-media" unit:"duration" default:"168h" min:"1m" doc:"Time files are kept after they were uploaded or received." why:"As long as the events that name them."`

	MaxUploads int `flag:"max-uploads" unit:"uploads" default:"16" min:"1" max:"10000" doc:"Uploads in parts that may be unfinished, per session." why:"The received part of each occupies disk until it expires."`

	KeepUploads time.Duration `flag:"keep-uploads" unit:"duration" default:"24h" min:"1m" max:"168h" doc:"Time an upload in parts may take until it is finished." why:"A phone that was off over night can go on."`

	MediaURLTTL time.Duration `flag:"media-url-ttl" unit:"duration" default:"1h" min:"1s" max:"168h" doc:"Time a signed address of a file (media.getUrl) is good; the most a caller may ask for." why:"Anyone with the address can read the file."`

	AllowHosts []string `flag:"allow-hosts" unit:"host[:port],..." doc:"Hosts, addresses or networks (CIDR) that callers may have the server connect to although they are not public. host:8080 allows one port, host:* all; without a port: 80, 443, 1080, 5671, 5672 and 6379, on a simulated network all. -sandbox allows this machine by itself." why:"Addresses in calls must not reach inside your network."`

	KeepDeliveries time.Duration `flag:"keep-deliveries" unit:"duration" default:"168h" min:"0s" doc:"Time the archive keeps delivered events of transports; 0s = not at all." why:"As long as the events themselves."`

	MaxDeliveries int `flag:"max-deliveries" unit:"entries" default:"100000" min:"1" doc:"Delivered events the archive shows; the oldest go first." why:"Some 50 MB."`

	KeepDeadLetters time.Duration `flag:"keep-dead-letters" unit:"duration" default:"2160h" min:"1m" doc:"Time an event that could not be delivered is kept for replay." why:"Long enough for an operator to return from holidays."`

	MaxDeadLetters int `flag:"max-dead-letters" unit:"entries" default:"100000" min:"1" doc:"Events kept that could not be delivered; the oldest go first." why:"Each occupies the size of its body; one target that was abandoned must not fill the disk."`

	MaxQueuedReplays int `flag:"max-queued-replays" unit:"replays" default:"10000" min:"1" max:"1000000" doc:"Replays that wait (archive.replay); a call that would add more is refused. The credentials of one session may have a quarter." why:"Some 100 bytes each; a larger archive is replayed in parts."`

	MaxSignals int `flag:"max-signals" unit:"events" default:"64" min:"1" max:"10000" doc:"Volatile events (typing, presence) that wait for one target; older ones are dropped and counted." why:"They are worth nothing later."`

	DeliveryAttempts int `section:"Deliveries" flag:"delivery-attempts" unit:"attempts" default:"16" min:"1" max:"1000" doc:"Attempts to deliver an event to a target that answers but rejects it." why:"With the pauses below some 45 minutes, longer than most deployments gone wrong; the target's next event waits meanwhile."`

	DeliveryTimeout time.Duration `flag:"delivery-timeout" unit:"duration" default:"15s" min:"100ms" max:"5m" doc:"Time one attempt may take." why:"Others wait 5 to 30 s."`

	DeliveryBackoff time.Duration `flag:"delivery-backoff" unit:"duration" default:"1s" min:"1ms" max:"1h" doc:"Longest pause after a first failed attempt; it doubles with each further one, and a random part of it is waited." why:"A process that restarts is back in seconds."`

	DeliveryBackoffMax time.Duration `flag:"delivery-backoff-max" unit:"duration" default:"10m" min:"1ms" max:"24h" doc:"Longest pause between attempts." why:"The longest wait of a target that has recovered."`

	DeliveryRetryAfterMax time.Duration `flag:"delivery-retry-after-max" unit:"duration" default:"1h" min:"1s" max:"24h" doc:"Longest pause that a target may ask for." why:"Above it a target holds up its own events for no good reason."`

	DeliveryMaxAge time.Duration `flag:"delivery-max-age" unit:"duration" default:"24h" min:"1s" doc:"Time an event is held for a target that cannot be reached at all." why:"A night and a day of outage cost nothing; after that, dead letters are easier to deal with than a queue."`

	DeliveryProbeAfter int `flag:"delivery-probe-after" unit:"attempts" default:"5" min:"1" max:"1000" doc:"Consecutive attempts without a connection after which a target counts as unreachable: its events are held and only probes are sent." why:"Fewer happen in any restart."`

	DeliveryProbeEvery time.Duration `flag:"delivery-probe-every" unit:"duration" default:"15s" min:"10ms" max:"1h" doc:"Pause between attempts to reach a target that cannot be reached." why:"One connection in this time is cheap for both sides."`

	MaxSkips int `flag:"max-skips" unit:"stretches" default:"1000" min:"1" max:"10000" doc:"Stretches of a session's log that one global transport leaves out (skip_global) and may still come to; a change that would add another is refused." why:"Some 100 bytes each. They are forgotten when the transport has passed them, those of websocket when their events are."`

	DeliveryWindow int `flag:"delivery-window" unit:"events" default:"16" min:"1" max:"1000" doc:"Events that a target which catches up is sent before it is stored how far it is." why:"A crash repeats them at most; one by one, a backlog takes three times as long."`

	MaxBrokerNames int `flag:"max-broker-names" unit:"names" default:"10000" min:"1" max:"1000000" doc:"Cached names of one connection to a broker: queues and routing keys that exist in RabbitMQ, addresses of SQS queues, sessions whose Redis channel is rejected. Beyond it the cache is emptied and filled again by requests." why:"Some 300 bytes each; one for each session and kind of event where names have both, so that a busy server may want more."`

	MaxWebhooks int `flag:"max-webhooks" unit:"webhooks" default:"20" min:"1" max:"1000" doc:"Webhooks a session may have." why:"Each gets every event it wants, in requests of its own."`

	WebhookHostRequests int `flag:"webhook-host-requests" unit:"requests" default:"16" min:"1" max:"1000" doc:"Requests of webhooks to one host and port at a time. One session may have a quarter of them under way, those to webhooks that hang half of them together." why:"A receiver with a handful of workers is not run over, and those that hang leave room for the others."`

	WebhookIdleConnections int `flag:"webhook-idle-connections" unit:"connections" default:"100" min:"1" max:"100000" doc:"Connections of webhooks that are kept open while nothing is sent, to all hosts together; each for 90 s." why:"A file descriptor each; with more busy receivers than these, requests connect anew."`

	WebhookMessageBytes int `flag:"webhook-message-bytes" unit:"bytes" default:"4194304" min:"65536" max:"67108864" doc:"Largest message that a webhook in the format of another gateway delivers whole. Parts that an event leaves out are read from the message store up to this size." why:"A text of 65,536 characters takes up to 400 KiB as JSON; it stands there twice, and twice again as the quote of a reply."`

	WebhookFileBytes int `flag:"webhook-file-bytes" unit:"bytes" default:"16777216" min:"1" max:"2147483647" doc:"Largest file that a webhook with files: inline or multipart sends. A larger one is left out, and fileSkipped says why." why:"WhatsApp's bound of pictures, sounds and most videos."`

	WebhookFilesMemory int `flag:"webhook-files-memory" unit:"bytes" default:"67108864" min:"1048576" max:"17179869184" doc:"Bodies of webhooks with files in memory at a time. One session may occupy a quarter of it; a body that is larger is sent alone." why:"A file inline takes 1.4 times its size; two or three of the largest at a time."`

	WebhookTestRate int `flag:"webhook-test-rate" unit:"events a second" default:"0" min:"0" max:"1000" doc:"Events that webhook.receiveTest and POST /localCallbackExample accept, so that webhooks can be tried out without a receiver; 0 = not served." why:"A server that stores what callers post is of use to those who try it out."`

	Global Globals

	ObjectStorage ObjectStorage

	Session string `section:"WhatsApp" flag:"session" unit:"id" default:"default" doc:"Session that is created and connected at a start without sessions; none = create no session." why:"The first start should show a pairing code at once."`

	QR string `flag:"qr" unit:"when" default:"auto" enum:"auto|always|never" doc:"Draw pairing codes on standard output." why:"auto draws when it is a terminal."`

	LicenseReporting bool `flag:"license-reporting" default:"true" doc:"Answer server.getLicense, which reports the installation to callers with the admin token." why:"Nothing is sent anywhere, and programs made for licensed servers ask."`

	UpdateFeed string `flag:"update-feed" unit:"url" doc:"Feed of releases that server.checkForUpdates asks, at most once an hour: an http or https address that answers with JSON as the releases of GitHub, GitLab and Gitea; empty = none is asked." why:"The server contacts no host that you did not choose."`

	Timezone string `flag:"timezone" unit:"zone" default:"UTC" doc:"IANA time zone until server.updateSettings sets another." why:"Quiet hours and times without an offset need one."`

	AuditRetention time.Duration `flag:"audit-retention" unit:"duration" default:"2160h" min:"1h" doc:"Time for which the audit log is kept." why:"90 days: long enough to look into what happened last quarter."`

	MaxNotices int `flag:"max-notices" unit:"notices" default:"500" min:"1" max:"100000" doc:"Notices that an account keeps; the oldest are dropped beyond it." why:"People read the newest ones."`

	MaxSessions int `flag:"max-sessions" unit:"sessions" default:"10000" min:"1" doc:"Sessions that can exist." why:"Keeps a runaway client from filling the disk."`

	ConnectConcurrency int `flag:"connect-concurrency" unit:"sessions" default:"8" min:"1" max:"1000" doc:"Sessions that may be logging in at a time." why:"More at once mostly wait for each other's cryptography."`

	ConnectTimeout time.Duration `flag:"connect-timeout" unit:"duration" default:"30s" min:"10ms" max:"10m" doc:"Longest time to open a connection to WhatsApp, from the name's resolution to the end of the encryption handshake. After it the session tries again." why:"A network without an answer must not hold a place among the sessions that are logging in."`

	LoginTimeout time.Duration `flag:"login-timeout" unit:"duration" default:"1m" min:"10ms" max:"1h" doc:"Longest time that an open connection to WhatsApp may stay without a login or a pairing code. After it the session connects anew." why:"A login takes a second; a server that has accepted a connection may still not answer."`

	ReconnectBackoff time.Duration `flag:"reconnect-backoff" unit:"duration" default:"1s" min:"1ms" max:"1h" doc:"Longest pause before a session connects again after a first failed attempt; it doubles with each further one, and a random part of it is waited." why:"Most connections that end can be opened again at once."`

	ReconnectBackoffMax time.Duration `flag:"reconnect-backoff-max" unit:"duration" default:"2m" min:"1ms" max:"24h" doc:"Longest pause between attempts of a session to connect." why:"The longest wait after a network outage."`

	KeepAliveLimit time.Duration `flag:"keepalive-limit" unit:"duration" default:"90s" min:"10s" max:"1h" doc:"Time without an answer to pings after which a connection to WhatsApp is closed and opened again." why:"Three pings that WhatsApp did not answer."`

	StoreProbe time.Duration `flag:"store-probe" unit:"duration" default:"1s" min:"10ms" max:"1m" doc:"Pause between probes of a database that could not record an event; the sessions reconnect once it takes writes again, so that WhatsApp delivers the event anew." why:"A probe is one small write, for all sessions together."`

	RedeliveryPause time.Duration `flag:"redelivery-pause" unit:"duration" default:"5s" min:"1ms" max:"10m" doc:"Pause before a session reconnects to receive an event again that could not be recorded although the database takes writes. It doubles with each reconnect, up to ten minutes." why:"An event that fails for a reason of its own must not cause a login each second."`

	MaxStanzaBytes int `flag:"max-stanza-bytes" unit:"bytes" default:"33554432" min:"65536" max:"1073741824" doc:"Largest stanza of WhatsApp after decompression; larger ones are dropped." why:"A frame has at most 16 MiB, and real stanzas are far smaller."`

	MaxStanzaDepth int `flag:"max-stanza-depth" unit:"levels" default:"64" min:"16" max:"10000" doc:"How many levels deep stanzas of WhatsApp may be inside each other; others are dropped." why:"WhatsApp's have fewer than ten, and a stack that overflows ends the process."`

	MaxEventBytes int `flag:"max-event-bytes" unit:"bytes" default:"65536" min:"4096" max:"65536" doc:"Largest data of one event. Larger data loses its raw part first, then the ends of its texts." why:"The largest that the protocol allows; smaller events take less of the journal."`

	HistoryWorkers int `flag:"history-workers" unit:"parts" default:"2" min:"1" max:"100" doc:"Parts of message histories that are downloaded and stored at a time, over all sessions." why:"One part may take tens of megabytes of memory."`

	PhoneTimeout time.Duration `flag:"phone-timeout" unit:"duration" default:"5m" min:"100ms" max:"24h" doc:"Longest wait for the phone's answer to a request for history or app state, and between two parts of a history. After it an event ends the request." why:"A phone that is switched on answers in seconds."`

	MaxHistoryRequests int `flag:"max-history-requests" unit:"requests" default:"20" min:"1" max:"1000" doc:"Requests for history of one session that may wait for the phone's answer." why:"More than a phone answers in the time that it has."`

	MaxLabels int `flag:"max-labels" unit:"labels" default:"1000" min:"1" max:"100000" doc:"Labels of one session. Further labels that the phone makes are not stored." why:"WhatsApp's apps permit 20."`

	MaxLabelUses int `flag:"max-label-uses" unit:"chats and messages" default:"100000" min:"1" max:"10000000" doc:"Chats and messages of one session that have a label, counted once for each label. Further ones of the phone are not stored." why:"Keeps a client of the account from filling the disk."`

	MaxAutoReplies int `flag:"max-auto-replies" unit:"rules" default:"100" min:"1" max:"1000" doc:"Auto-reply rules of one session." why:"Each message that arrives is compared with all of them."`

	ChatAnswers int `flag:"chat-answers" unit:"answers" default:"20" min:"1" max:"10000" doc:"Automatic answers in one chat within an hour; three times as many within a day." why:"Two programs that answer each other stop there; people seldom ask as often."`

	SessionAnswers int `flag:"session-answers" unit:"answers" default:"200" min:"1" max:"100000" doc:"Automatic answers of one session within an hour, in all chats." why:"WhatsApp bans accounts that write a lot."`

	RemoveBackgroundURL string `flag:"remove-background-url" unit:"URL" doc:"Address of the service that removes backgrounds of pictures for the assistant's command removebg, in the form of remove.bg's API (image_file, X-Api-Key). Sessions have their own keys." why:"None: pictures leave this server only if you want it."`

	PasskeyTimeout time.Duration `flag:"passkey-timeout" unit:"duration" default:"10m" min:"1s" max:"1h" doc:"Longest wait in pairing for the answer to WhatsApp's passkey request; a request that says less ends earlier." why:"WhatsApp's own requests say ten minutes."`

	PasskeyConfirmTimeout time.Duration `flag:"passkey-confirm-timeout" unit:"duration" default:"2m" min:"1s" max:"1h" doc:"Longest wait in pairing, after the passkey was accepted, for each of the phone, a confirmation by the caller, and WhatsApp." why:"Time to look at the phone and compare eight characters."`

	EchoAPIMessages bool `flag:"echo-api-messages-enabled" default:"true" doc:"Messages sent through methods become events where the session wants it. Set false, only calls that ask for their event (echo) get it." why:"The session decides."`

	SkipMedia bool `flag:"global-skip-media-download" doc:"Fetch no session's media by itself; events carry metadata alone, whatever the sessions' own settings." why:"The session decides."`

	DeviceName string `flag:"device-name" unit:"text" default:"Waystation" doc:"Name in the phone's list of linked devices." why:"So that its owner recognises it."`

	GovernorPauseMin time.Duration `section:"Automatic messages" flag:"governor-pause-min" unit:"duration" default:"3s" min:"0" max:"1h" doc:"Shortest random pause between two automatic messages of a session." why:"A person needs some seconds to write a message; regular and short pauses are what WhatsApp restricts accounts for."`

	GovernorPauseMax time.Duration `flag:"governor-pause-max" unit:"duration" default:"8s" min:"0" max:"1h" doc:"Longest random pause between two automatic messages of a session, at least governor-pause-min." why:"Wide enough that pauses are not regular."`

	GovernorPerMinute int `flag:"governor-per-minute" unit:"messages" default:"8" min:"0" max:"10000" doc:"Automatic messages of a session in any minute; jobs use three quarters of it, answers and schedules all. 0 = no limit." why:"A fast typist at most."`

	GovernorPerHour int `flag:"governor-per-hour" unit:"messages" default:"100" min:"0" max:"100000" doc:"Automatic messages of a session in any hour, as governor-per-minute." why:"People do not keep the pace of a minute for an hour."`

	GovernorPerDay int `flag:"governor-per-day" unit:"messages" default:"500" min:"0" max:"1000000" doc:"Automatic messages of a session in any 24 hours, as governor-per-minute." why:"A busy shop's day; an account that WhatsApp restricts costs more than a slower job."`

	GovernorWarmUp time.Duration `flag:"governor-warm-up" unit:"duration" default:"336h" min:"0" max:"8760h" doc:"Time after pairing in which the limits of hour and day grow evenly from a tenth to their value." why:"Accounts and devices that send much right after they were linked are restricted first."`

	GovernorQuietHours string `flag:"governor-quiet-hours" unit:"from-until" doc:"Time of the day without automatic messages other than answers, such as 22:00-07:00; due messages wait for its end." why:"None: which hours disturb depends on the recipients."`

	GovernorRefusalPause time.Duration `flag:"governor-refusal-pause" unit:"duration" default:"1h" min:"1s" max:"168h" doc:"Time without automatic messages of a session after WhatsApp refused one with code 463 and named no end." why:"Sending on after a refusal extends the restriction."`

	ScheduleGrace time.Duration `flag:"schedule-grace" unit:"duration" default:"1h" min:"1s" max:"168h" doc:"How late a scheduled message may be sent after an outage or while the session is not connected. Later it is missed." why:"A reminder is of use an hour late, seldom a day late."`

	MaxSchedules int `flag:"max-schedules" unit:"messages" default:"1000" min:"1" max:"100000" doc:"Scheduled messages of a session that wait for their time." why:"More than people write; programs have a queue of their own."`

	MaxJobs int `flag:"max-jobs" unit:"jobs" default:"20" min:"1" max:"1000" doc:"Jobs of a session that have not ended." why:"They share one pace; more only wait."`

	MaxBulkRecipients int `flag:"max-bulk-recipients" unit:"chats" default:"1000" min:"1" max:"10000" doc:"Recipients of one job." why:"Two days at the limit of a day."`

	MaxWaitingReplies int `flag:"max-waiting-replies" unit:"messages" default:"100" min:"1" max:"10000" doc:"Automatic answers of a session that wait to be sent; further ones are dropped." why:"Answers are of use for minutes only."`

	AllowRepeatedMessages bool `flag:"allow-repeated-messages" doc:"Permit message.sendRepeated: at most 10 messages, 2 s apart, one job of a session at a time, to chats that have written within a day." why:"It has few honest uses, and WhatsApp restricts accounts for it."`

	KeepAutomation time.Duration `flag:"keep-automation" unit:"duration" default:"720h" min:"1h" max:"87600h" doc:"Time for which sent, failed and missed schedules and ended jobs are listed." why:"A month covers the questions of a billing period."`

	Sandbox bool `section:"Sandbox" flag:"sandbox" doc:"Run a simulated WhatsApp network in this process and serve it instead of the real one." why:"The server is for real phones."`

	SandboxAddr string `flag:"sandbox-addr" unit:"host:port" doc:"Use the network of a running waystation sandbox, at this address." why:"For networks that must outlive the server."`

	SandboxRoot string `flag:"sandbox-root" unit:"hex" doc:"Root key that the sandbox printed." why:"Empty means the key that all sandboxes of this version share."`

	SandboxSeed uint64 `flag:"sandbox-seed" unit:"number" default:"0" doc:"Seed of the sandbox's ids and keys." why:"Same seed, same network."`

	SandboxAutoReplies int `flag:"sandbox-auto-replies" unit:"messages" default:"1000" min:"1" doc:"Automatic replies that a simulated phone sends to one chat in a minute." why:"Ends a loop between an echo and a program that answers every message."`

	SandboxHistoryChunk int `flag:"sandbox-history-chunk" unit:"messages" default:"200" min:"1" max:"10000" doc:"Messages in one chunk of the history sync that a simulated phone sends to a linked device." why:"WhatsApp sends history in several chunks; a small value makes a short history do so."`

	Demo bool `flag:"demo" doc:"With sandbox: pair a session, make a peer that answers, and print how to talk to it." why:"make run turns it on."`

	MaxConnections int `section:"Limits" flag:"max-connections" unit:"connections" default:"10000" min:"1" doc:"Sockets open at a time." why:"About 190 MB of memory when all are idle."`

	MaxWaitingConnections int `flag:"max-waiting-connections" unit:"connections" default:"2000" min:"1" doc:"Sockets that may not have said conn.hello yet; the oldest is closed for a new one." why:"They must not occupy the slots of working connections."`

	MaxWaitingPerAddress int `flag:"max-waiting-per-address" unit:"connections" default:"200" min:"1" doc:"Of them those from one address, or with one session token in the upgrade." why:"A gateway with many clients behind it reconnects with some at a time."`

	MaxHTTPConnections int `flag:"max-http-connections" unit:"connections" default:"2048" min:"8" doc:"Connections that are not sockets open at a time; the one that has been idle longest is closed for a new one." why:"Some 10 KB each."`

	MaxHTTPPerAddress int `flag:"max-http-per-address" unit:"connections" default:"512" min:"1" doc:"Of them those from one address; trusted proxies are not bounded." why:"Browsers open six; servers keep a pool."`

	MaxEventSockets int `flag:"max-event-sockets" unit:"connections" default:"1000" min:"1" doc:"WebSockets in the form of another gateway (GET /ws/{sessionId} of wwebjs) open at a time; of one session max-session-connections." why:"Some 40 KB each."`

	KeptCloses int `flag:"kept-closes" unit:"connections" default:"100" min:"1" max:"10000" doc:"Ended connections that conn.list shows." why:"Some 300 bytes each."`

	ControlFrames float64 `flag:"control-frames" unit:"frames/s" default:"50" min:"1" doc:"Pings, pongs and small fragments a socket may send; 120 times as many at once." why:"Clients ping every few seconds."`

	MaxSessionConnections int `flag:"max-session-connections" unit:"connections" default:"100" min:"1" doc:"Sockets open at a time for one session token." why:"A client that leaks connections hurts only itself."`

	TicketTTL time.Duration `flag:"ticket-ttl" unit:"duration" default:"30s" min:"1s" max:"10m" doc:"Time in which a ticket for a browser must be used; the most a caller may ask for." why:"It stands in a URL, which proxies log."`

	WrongTokens int `flag:"wrong-tokens" unit:"tokens/min" default:"300" min:"1" max:"1000000" doc:"Wrong tokens that one address may send in a minute. While it has sent more, its tokens are not checked, except those that were good before." why:"Prevents guessing of tokens; a misconfigured client still gets its error."`

	Registration bool `flag:"registration" doc:"Let people create accounts of the role OWNER for themselves (account.register), once the admin token has created the first account; until server.updateSettings sets it otherwise." why:"An account creates sessions; strangers should not by default."`

	MaxAccounts int `flag:"max-accounts" unit:"accounts" default:"1000" min:"1" max:"100000" doc:"Accounts of the server." why:"Some 500 bytes each, and 300 for each of their credentials in use."`

	MaxAccountKeys int `flag:"max-account-keys" unit:"keys" default:"20" min:"1" max:"1000" doc:"API keys of an account." why:"One for each program that uses the account."`

	MaxAccountLogins int `flag:"max-account-logins" unit:"log-ins" default:"20" min:"1" max:"1000" doc:"Log-ins of an account at a time; a further one ends the oldest." why:"One for each browser of a person."`

	MaxSessionAccounts int `flag:"max-session-accounts" unit:"accounts" default:"100" min:"1" max:"10000" doc:"Accounts with which a session is shared." why:"A team; they are in memory."`

	LoginTTL time.Duration `flag:"login-ttl" unit:"duration" default:"720h" min:"1m" max:"8760h" doc:"Time a log-in with a password is good." why:"As long as those of NextAuth, which the clients of WA-AKG use."`

	PasswordHashes int `flag:"password-hashes" unit:"passwords" default:"1" min:"1" max:"64" doc:"Passwords that are hashed at a time; 16 more may wait." why:"Each occupies a processor and 19 MiB for some 20 ms."`

	PasswordRate int `flag:"password-rate" unit:"passwords/s" default:"1" min:"1" max:"10000" doc:"Passwords that are hashed in a second, in the long run; 10 are hashed without a pause." why:"A flood of log-ins leaves the processors to other calls."`

	WrongPasswords int `flag:"wrong-passwords" unit:"log-ins/min" default:"10" min:"1" max:"100000" doc:"Log-ins that may fail in a minute, of one address and for one e-mail address; more are refused without a look at the password." why:"Prevents guessing; people mistype a few times."`

	TicketsPerPrincipal int `flag:"tickets-per-principal" unit:"tickets" default:"100" min:"1" max:"100000" doc:"Unused tickets a credential may have." why:"A page needs one for each connection."`

	MaxWatches int `flag:"max-watches" unit:"watches" default:"32" min:"1" max:"10000" doc:"Streams of deliveries (delivery.watch, GET /v1/deliveries) open at a time; the credentials of one session may have a quarter, those of all sessions three quarters." why:"Each reads a page of the archive every watch-every while something is new."`

	WatchEvery time.Duration `flag:"watch-every" unit:"duration" default:"100ms" min:"10ms" max:"1m" doc:"Shortest time between two looks of such a stream into the archive." why:"People look at it, and each look is a query."`

	WatchTokenTTL time.Duration `flag:"watch-token-ttl" unit:"duration" default:"5m" min:"1s" max:"24h" doc:"Time a token of delivery.createWatchToken is good." why:"It stands in a URL, which proxies log."`

	WatchTokens int `flag:"watch-tokens" unit:"tokens" default:"1000" min:"1" max:"100000" doc:"Tokens of delivery.createWatchToken that are good at a time." why:"Some 500 bytes each."`

	MaxConsumers int `flag:"max-consumers" unit:"consumers" default:"100" min:"1" max:"100000" doc:"Named consumers a credential may have." why:"Clients that make up names must not fill the disk."`

	StreamHeartbeat time.Duration `flag:"stream-heartbeat" unit:"duration" default:"15s" min:"1s" max:"10m" doc:"Silence on an event stream (GET /v1/events) after which a comment is sent." why:"Proxies close connections that are silent for 30 to 60 s."`

	MaxStreamSessions int `flag:"max-stream-sessions" unit:"sessions" default:"100" min:"1" max:"100" doc:"Sessions one event stream may follow." why:"The id of each event names its place in all of them and must fit into a header."`

	MaxFrame int `flag:"max-frame" unit:"bytes" default:"1048576" min:"1024" max:"16777216" doc:"Largest frame a socket accepts." why:"The longest text of a message fits, also with all its characters escaped; media goes by its own way."`

	MaxHelloFrame int `flag:"max-hello-frame" unit:"bytes" default:"65536" min:"1024" max:"16777216" doc:"Largest frame a socket accepts before the credential is known; with a credential in the upgrade max-frame applies at once." why:"Places in some 500 sessions fit into conn.hello."`

	MaxBody int `flag:"max-body" unit:"bytes" default:"4194304" min:"1024" max:"67108864" doc:"Largest body of POST /v1/rpc." why:"The size of a full batch."`

	MaxPublicBody int `flag:"max-public-body" unit:"bytes" default:"65536" min:"1024" max:"67108864" doc:"Largest body of POST /v1/rpc without a credential." why:"Public methods have small parameters."`

	BodiesMemory int `flag:"bodies-memory" unit:"bytes" default:"134217728" min:"1048576" doc:"Bodies of POST /v1/rpc and frames of sockets in memory at a time, counted as they arrive and until their calls are answered. One credential, or one address without a credential, may have a quarter; calls wait for room and are refused after 5 s. Each socket has 8 KiB besides." why:"Bodies that are sent slowly must not fill the memory."`

	MinBodyRate int `flag:"min-body-rate" unit:"bytes/s" default:"4096" min:"1" max:"104857600" doc:"Least rate at which a body or a frame must arrive, after 10 s; slower ones are ended." why:"The slowest mobile networks are faster."`

	RepliesMemory int `flag:"replies-memory" unit:"bytes" default:"268435456" min:"1048576" doc:"Replies in memory at a time that clients have not read, over sockets and POST /v1/rpc. One credential may have a quarter; its calls with large replies wait for room. Each socket has 16 KiB besides." why:"A client that reads nothing must not cost more; one that reads needs room for one reply."`

	MaxRESTBody int `flag:"max-rest-body" unit:"bytes" default:"1048576" min:"1024" max:"67108864" doc:"Largest body of a REST call that carries no file." why:"The longest text and the longest list fit many times."`

	MaxRESTFileBody int `flag:"max-rest-file-body" unit:"bytes" default:"33554432" min:"1024" max:"268435456" doc:"Largest body of a REST call with a file in it." why:"Base64 makes 22 MB of the 16 MB that WhatsApp shows as a video; larger files go by POST /v1/media or by address."`

	RESTBodiesMemory int `flag:"rest-bodies-memory" unit:"bytes" default:"268435456" min:"1048576" doc:"Bodies of REST calls in memory at a time, counted as they arrive. One caller may occupy a quarter of it, at least max-rest-file-body; more of its calls wait." why:"A file takes some four times its size while it is decoded, so this is the gigabyte it may cost."`

	RESTBodyWait time.Duration `flag:"rest-body-wait" unit:"duration" default:"30s" min:"10ms" max:"2m" doc:"Time a REST call waits for room in rest-bodies-memory before it is answered 429." why:"The files before it are sent on in that time."`

	BodyMinRate int `flag:"body-min-rate" unit:"bytes a second" default:"4096" min:"1" max:"1048576" doc:"Least average rate of the body of a REST call and of a file transfer; a slower one is ended." why:"The slowest mobile network brings more."`

	BodyGrace time.Duration `flag:"body-grace" unit:"duration" default:"10s" min:"10ms" max:"10m" doc:"Time in which a body or file transfer may be slower than body-min-rate, and longest pause in it." why:"A mobile network that changes its cell pauses for a few seconds."`

	AllowQueryTokens bool `flag:"allow-query-tokens" doc:"Accept tokens in the query of REST calls (?token=)." why:"Addresses end up in logs and histories."`

	RootDialect string `flag:"root-dialect" unit:"name" default:"digigo" enum:"digigo|wuzapi" doc:"Setting dialect of sessions that are made without one: whose answers REST calls get at the root, at paths that several documents have." why:"The larger of the two; under the prefixes /digigo and /wuzapi the prefix decides."`

	CallsInFlight int `flag:"calls-in-flight" unit:"calls" default:"64" min:"1" doc:"Calls running at a time on one socket." why:"Enough to keep a connection busy."`

	SessionCallsInFlight int `flag:"session-calls-in-flight" unit:"calls" default:"512" min:"1" doc:"Calls running at a time on one session, over all sockets." why:"More would wait in memory for the same connection to WhatsApp."`

	CallsPerSecond float64 `flag:"calls-per-second" unit:"calls/s" default:"50" min:"0.1" doc:"Calls a socket may make for long." why:"Far above what a person or WhatsApp would accept."`

	CallBurst int `flag:"call-burst" unit:"calls" default:"100" min:"1" doc:"Calls a socket may make at once." why:"A client that starts asks much."`

	KeepReplies time.Duration `flag:"keep-replies" unit:"duration" default:"24h" min:"10m" max:"720h" doc:"Time an idempotency key is known and a repeat of its call gets the first reply." why:"A client that was off for the night can still repeat its last call."`

	MaxKeptReply int `flag:"max-kept-reply" unit:"bytes" default:"262144" min:"1024" max:"16777216" doc:"Largest reply kept for an idempotency key; repeats of a call with a larger one get an error." why:"Replies of calls that change something are small."`

	MaxIdempotencyKeys int `flag:"max-idempotency-keys" unit:"keys" default:"100000" min:"1" doc:"Idempotency keys known per credential; calls with more are refused until some are forgotten." why:"One a second for a day; some 2 KB each."`

	CallTimeout time.Duration `flag:"call-timeout" unit:"duration" default:"30s" min:"1s" max:"120s" doc:"Time a call may take when the caller sets no other." why:"WhatsApp answers in seconds or not at all."`
}
