package config

import (
	gotoken "go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/waystation/waystation/docs/doctest"
)

// boundTests maps each setting that is a number or a duration to the test that reaches it, as the directory of its package and its name, and the field
// or the text by which this test sets the bound.
var boundTests = map[string]struct{ dir, test, sets string }{
	"min-disk-free":    {"server", "TestFullDisk", `"-min-disk-free"`},
	"shutdown-timeout": {"server", "TestShutdownDuringALongCall", `"-shutdown-timeout"`},

	"audit-retention": {"server/audit", "TestOldEntriesGo", "Keep"},
	"max-notices":     {"server/notifications", "TestNotices", "db, most"},

	"retain-for":             {"transports/journal", "TestRetentionAndPurge", "RetainFor"},
	"retain-bytes":           {"transports/journal", "TestRetentionAndPurge", "RetainBytes"},
	"retain-events":          {"server/socket", "TestResumeBeyondRetention", "RetainEvents"},
	"consumer-flush":         {"transports/consumer", "TestAcksGather", "FlushEvery"},
	"consumer-flush-changes": {"transports/consumer", "TestAcksGather", "FlushChanges"},
	"keep-consumers":         {"transports/consumer", "TestUnusedConsumersExpire", "KeepFor"},
	"max-consumers":          {"transports/consumer", "TestMaxConsumers", "MaxConsumers"},

	"max-media-bytes":     {"server", "TestUploadBounds", `"-max-media-bytes"`},
	"session-media-bytes": {"server", "TestUploadBounds", `"-session-media-bytes"`},
	"max-transfers":       {"server", "TestHangingTransfersDoNotBlockOthers", `"-max-transfers"`},
	"keep-deleted":        {"server", "TestRestoreOfADeletedSession", `"-keep-deleted"`},
	"keep-media":          {"bridge/media", "TestExpiry", "Keep"},
	"max-uploads":         {"server", "TestUploadBounds", `"-max-uploads"`},
	"keep-uploads":        {"bridge/media", "TestUploadsExpire", "KeepUploads"},
	"media-url-ttl":       {"server", "TestSignedAddresses", `"-media-url-ttl"`},

	"keep-deliveries":          {"transports/dispatch", "TestSweep", "KeepDelivered"},
	"max-deliveries":           {"transports/dispatch", "TestSweep", "MaxDelivered"},
	"keep-dead-letters":        {"transports/dispatch", "TestSweep", "KeepDeadLetters"},
	"max-dead-letters":         {"transports/dispatch", "TestDeadLettersAreBounded", "MaxDeadLetters"},
	"max-queued-replays":       {"transports/dispatch", "TestReplayQueue", "MaxQueuedReplays"},
	"max-signals":              {"transports/dispatch", "TestSignals", "MaxSignals"},
	"delivery-attempts":        {"transports/dispatch", "TestRetryTiming", "MaxAttempts"},
	"delivery-timeout":         {"transports/dispatch", "TestAttemptTimeout", "AttemptTimeout"},
	"delivery-backoff":         {"transports/dispatch", "TestRetryTiming", "BackoffBase"},
	"delivery-backoff-max":     {"transports/dispatch", "TestRetryTiming", "BackoffCap"},
	"delivery-retry-after-max": {"transports/dispatch", "TestRetryAfter", "RetryAfterCap"},
	"delivery-max-age":         {"transports/dispatch", "TestHeldTooLong", "MaxAge"},
	"delivery-probe-after":     {"transports/dispatch", "TestBreaker", "BreakerFailures"},
	"delivery-probe-every":     {"transports/dispatch", "TestBreaker", "BreakerPause"},
	"max-skips":                {"server", "TestTooManySkips", `"-max-skips"`},
	"delivery-window":          {"transports/dispatch", "TestWindowGrows", "Window"},
	"max-broker-names":         {"server", "TestMaxBrokerNames", `"-max-broker-names"`},

	"max-webhooks":             {"transports/webhook", "TestLimitOfASession", "MaxPerSession"},
	"webhook-host-requests":    {"transports/webhook", "TestConcurrentRequestsAreBounded", "HostRequests"},
	"webhook-idle-connections": {"transports/kit/guard", "TestIdleConnections", "MaxIdleConns"},
	"webhook-message-bytes":    {"server/e2e/formats", "TestWebhookMessageBytesBoundsWholeMessages", `"-webhook-message-bytes"`},
	"webhook-file-bytes":       {"transports/webhook", "TestFilesLeftOut", "FileBytes"},
	"webhook-files-memory":     {"transports/webhook", "TestFilesMemory", "FileMemory"},
	"webhook-test-rate":        {"transports/webhook", "TestReceiverHasARate", "NewTestReceiver(2)"},
	"global-webhook-requests":  {"transports/webhook", "TestConcurrentRequestsAreBounded", "Requests: most"},

	"max-sessions":            {"bridge", "TestMaxSessionsHolds", "MaxSessions"},
	"connect-concurrency":     {"bridge", "TestConnectConcurrencyHolds", "ConnectConcurrency"},
	"connect-timeout":         {"bridge", "TestConnectTimeoutHolds", "ConnectTimeout"},
	"login-timeout":           {"bridge", "TestLoginTimeoutHolds", "LoginTimeout"},
	"reconnect-backoff":       {"bridge", "TestReconnectBackoffHolds", "BackoffMin"},
	"reconnect-backoff-max":   {"bridge", "TestReconnectBackoffHolds", "BackoffMax"},
	"keepalive-limit":         {"bridge", "TestKeepAliveLimitHolds", "KeepAliveLimit"},
	"redelivery-pause":        {"bridge", "TestRedeliveryPauseIsShortAgain", "RedeliveryPause"},
	"max-event-bytes":         {"bridge", "TestEventDataLimitHolds", "EventDataLimit"},
	"history-workers":         {"bridge", "TestHistoryWorkersHold", "HistoryWorkers"},
	"phone-timeout":           {"bridge", "TestPhoneThatDoesNotAnswer", "PhoneTimeout"},
	"max-history-requests":    {"bridge", "TestPhoneThatDoesNotAnswer", "MaxHistoryRequests"},
	"max-auto-replies":        {"bridge/automation", "TestNumberOfRulesIsLimited", "MaxRules"},
	"chat-answers":            {"bridge/automation", "TestAnswersAreLimited", "ChatAnswers"},
	"session-answers":         {"bridge/automation", "TestAnswersAreLimited", "SessionAnswers"},
	"max-labels":              {"bridge/labels", "TestNumberOfLabelsIsLimited", "Labels"},
	"max-label-uses":          {"bridge/labels", "TestNumberOfUsesIsLimited", "Uses"},
	"store-probe":             {"bridge", "TestRedeliveryFollowsTheStore", "StoreProbe"},
	"max-stanza-bytes":        {"bridge", "TestMalformedFramesAreSurvived", "StanzaBytes"},
	"max-stanza-depth":        {"bridge", "TestMalformedFramesAreSurvived", "StanzaDepth"},
	"passkey-timeout":         {"bridge", "TestPasskeyTimesOut", "PasskeyTimeout"},
	"passkey-confirm-timeout": {"bridge", "TestPasskeyTimesOut", "ConfirmTimeout"},

	"governor-pause-min":     {"bridge/governor", "TestPausesAreRandomWithinTheirBounds", "PauseMin"},
	"governor-pause-max":     {"bridge/governor", "TestPausesAreRandomWithinTheirBounds", "PauseMax"},
	"governor-per-minute":    {"bridge/governor", "TestLimitsOfMinuteHourAndDay", "PerMinute"},
	"governor-per-hour":      {"bridge/governor", "TestLimitsOfMinuteHourAndDay", "PerHour"},
	"governor-per-day":       {"bridge/outbox", "TestLimitsSurviveARestart", "PerDay"},
	"governor-warm-up":       {"bridge/governor", "TestWarmUp", "warm("},
	"governor-refusal-pause": {"bridge/outbox", "TestRefusalsStopAutomaticMessages", "RefusalPause"},
	"schedule-grace":         {"bridge/outbox", "TestGraceAfterAnOutage", "ScheduleGrace"},
	"max-schedules":          {"bridge/outbox", "TestSchedules", "MaxSchedules"},
	"max-jobs":               {"bridge/outbox", "TestJobsPauseResumeAndEnd", "MaxJobs"},
	"max-bulk-recipients":    {"bridge/outbox", "TestBadEntriesAreRefused", "MaxRecipients"},
	"max-waiting-replies":    {"bridge/outbox", "TestBadEntriesAreRefused", "MaxReplies"},
	"keep-automation":        {"bridge/outbox", "TestEndedEntriesExpire", "Expire("},

	"sandbox-auto-replies":  {"bridge/sandbox", "TestEchoEndsALoopWithAProgram", "AutoReplies"},
	"sandbox-history-chunk": {"bridge/sandbox", "TestHistoryComesInChunks", "HistoryChunk"},

	"max-connections":         {"server/socket", "TestUpgradeRefused", "MaxConnections"},
	"max-waiting-connections": {"server/socket", "TestConnectionsBeforeHello", "MaxWaiting"},
	"max-waiting-per-address": {"server/socket", "TestConnectionsBeforeHello", "MaxWaitingPerAddress"},
	"max-http-connections":    {"server/api", "TestWaitingConnectionsLeaveRoom", "plainServer(t, 10, 1000,"},
	"max-http-per-address":    {"server/api", "TestConnectionsOfOneAddress", "plainServer(t, "},
	"kept-closes":             {"server/socket", "TestConnList", "MaxCloses"},
	"control-frames":          {"server/socket", "TestControlFramesHaveARate", "ControlRate"},
	"max-event-sockets":       {"server/eventsocket", "TestLimits", "MaxConnections"},
	"max-session-connections": {"server/socket", "TestConnectionsOfOneSession", "MaxPerSession"},
	"stream-heartbeat":        {"server/socket", "TestStreamHeartbeat", "StreamHeartbeat"},
	"max-stream-sessions":     {"server/socket", "TestStreamTooManySessions", "MaxStreamSessions"},

	"ticket-ttl":            {"server", "TestTicketRefusals", `"-ticket-ttl"`},
	"max-accounts":          {"server/accounts", "TestAccounts", "MaxAccounts"},
	"max-account-keys":      {"server/accounts", "TestKeys", "MaxKeys"},
	"max-account-logins":    {"server/accounts", "TestLogIn", "MaxLogins"},
	"max-session-accounts":  {"server/accounts", "TestSharedSessions", "MaxGrants"},
	"login-ttl":             {"server/accounts", "TestLogIn", "LoginTTL"},
	"password-hashes":       {"server/accounts", "TestHashesAreBounded", "Hashes: 2"},
	"password-rate":         {"server/accounts", "TestHashesAreBounded", "HashRate: 10"},
	"wrong-passwords":       {"server/accounts", "TestFailedLogInsAreThrottled", "WrongPasswords"},
	"wrong-tokens":          {"server/auth", "TestWrongTokensAreThrottledByAddress", "NewThrottle("},
	"tickets-per-principal": {"server", "TestTicketRefusals", `"-tickets-per-principal"`},
	"max-watches":           {"server", "TestWatchesAreShared", `"-max-watches"`},
	"watch-every":           {"transports/dispatch", "TestWatchReadsAtIntervals", "WatchEvery"},
	"watch-token-ttl":       {"server", "TestWatchTokensAreBounded", `"-watch-token-ttl"`},
	"watch-tokens":          {"server", "TestWatchTokensAreBounded", `"-watch-tokens"`},

	"max-frame":          {"server/socket", "TestFrameLimitFollowsTheCredential", "MaxFrame"},
	"max-hello-frame":    {"server/socket", "TestFrameLimitFollowsTheCredential", "MaxHelloFrame"},
	"max-body":           {"rpc", "TestBodyLimitFollowsTheCredential", "MaxFrame"},
	"max-public-body":    {"rpc", "TestBodyLimitFollowsTheCredential", "PublicBody"},
	"bodies-memory":      {"rpc", "TestHalfSentBodiesAreBounded", "Bodies"},
	"min-body-rate":      {"server/socket", "TestFrameMustKeepTheRate", "MinRate"},
	"replies-memory":     {"rpc", "TestUnreadHTTPRepliesAreBounded", "Replies"},
	"max-rest-body":      {"server/rest", "TestBodiesAreBounded", "MaxBody"},
	"max-rest-file-body": {"server/rest", "TestBodiesAreBounded", "MaxFileBody"},
	"rest-bodies-memory": {"server/rest", "TestBodiesWaitForMemory", "BodiesMemory"},
	"rest-body-wait":     {"server/rest", "TestBodiesOverTheShare", "BodyWait"},
	"body-min-rate":      {"server/rest", "TestSlowBodiesEnd", "BodyMinRate"},
	"body-grace":         {"server/rest", "TestSlowBodiesEnd", "BodyGrace"},

	"calls-in-flight":         {"server/socket", "TestInFlight", "InFlight"},
	"session-calls-in-flight": {"rpc", "TestInFlightOfASession", "SessionInFlight"},
	"calls-per-second":        {"server/socket", "TestFlood", "Rate"},
	"call-burst":              {"server/socket", "TestFlood", "Burst"},
	"keep-replies":            {"rpc/idempotency", "TestOldKeysAreForgotten", "Keep"},
	"max-kept-reply":          {"rpc", "TestReplyTooLargeToKeep", "newKeyed("},
	"max-idempotency-keys":    {"rpc/idempotency", "TestKeysOfAPrincipalAreBounded", "MaxKeys"},
	"call-timeout":            {"rpc", "TestTimeoutsOfCalls", "Timeout"},

	"global-s3-retention-days": {"bridge/objectstore", "TestGlobalRetention", "RetentionDays"},
	"s3-uploads":               {"bridge/objectstore", "TestUploadsAreBounded", "Uploads"},
	"s3-upload-timeout":        {"bridge/objectstore", "TestHangingUploadIsEnded", "UploadTimeout"},
	"s3-give-up":               {"bridge/objectstore", "TestProblemsNameTheSetting", "GiveUp"},
	"s3-max-waiting":           {"bridge/objectstore", "TestFullLane", "MaxWaiting"},
	"s3-retention-interval":    {"bridge/objectstore", "TestRetentionRunsByItself", "RetainEvery"},
	"s3-retention-concurrency": {"bridge/objectstore", "TestRetentionCleansAFewStoragesAtATime", "RetainWorkers"},
	"s3-retention-batch":       {"bridge/objectstore", "TestRetentionInBatches", "RetainBatch"},
	"s3-retention-objects":     {"bridge/objectstore", "TestRetentionKeepsToItsShare", "RetainObjects"},
}

// unbounded are numbers that limit nothing.
var unbounded = map[string]bool{"sandbox-seed": true}

// setsField reports whether a source contains a text or, for a name, gives the field of this name a value.
func setsField(source, field string) bool {
	if !gotoken.IsIdentifier(field) {
		return strings.Contains(source, field)
	}
	return regexp.MustCompile(`\b` + field + `(: | = |, .* = )`).MatchString(source)
}

// Each setting that is a limit has a test that sets it and reaches it.
func TestEveryBoundIsReachedByATest(t *testing.T) {
	settings := map[string]bool{}
	for _, f := range fieldList(&Config{}) {
		if settings[f.name] = true; f.isBool() || !f.value.CanInt() && !f.value.CanFloat() && !f.value.CanUint() {
			continue
		}
		c, listed := boundTests[f.name]
		switch {
		case unbounded[f.name]:
		case !listed:
			t.Errorf("no test reaches the setting %s: write one and add it to boundTests", f.name)
		case !setsField(doctest.TestSource(t, c.dir, c.test), c.sets):
			t.Errorf("%s: %s of %s does not set %s", f.name, c.test, c.dir, c.sets)
		}
	}
	for name := range boundTests {
		if !settings[name] {
			t.Errorf("there is no setting %s", name)
		}
	}
}
