package methods

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/account"
	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type syncFetchAppStateParams struct {
	Names           []string `json:"names" rpc:"max=5,enum=critical_block|critical_unblock_low|regular_low|regular_high|regular" doc:"collections; default: all"`
	Full            *bool    `json:"full" doc:"read collections from the beginning; false reads what is new. Default true"`
	RequestRecovery *bool    `json:"request_recovery" doc:"ask the phone for a snapshot of a collection that fails; default true"`
}

type syncFetchAppStateResult struct {
	RequestID string           `json:"request_id" doc:"request_id of the events AppStateSyncComplete and AppStateSyncError"`
	Results   []appStateReport `json:"results" doc:"{name, ok, error, duration_seconds, recovery_requested} for each collection"`
}

type syncChatHistoryParams struct {
	Chat      string     `json:"chat" rpc:"required,format=jid" doc:"chat"`
	OldestID  string     `json:"oldest_message_id" rpc:"min=1,max=128" doc:"oldest known message; default: the oldest stored message of the chat"`
	OldestAt  *time.Time `json:"oldest_timestamp" doc:"its time; required with oldest_message_id unless the message is stored"`
	FromMe    *bool      `json:"oldest_from_me" doc:"it is an own message; default: of the stored message, or false"`
	OldestWho string     `json:"oldest_sender" rpc:"format=jid" doc:"its author in a group; the phone finds the message without it"`
	Limit     *int       `json:"limit" rpc:"min=1,max=500" doc:"number of messages; default 50"`
}

type syncChatHistoryResult struct {
	RequestID string `json:"request_id" doc:"request_id of the events HistorySync and HistorySyncComplete"`
	Chat      string `json:"chat" doc:"chat"`
	wa.ChatNames
	Limit int `json:"limit" doc:"number of messages that were requested"`
}

type syncFullHistoryParams struct {
	Days          *uint32 `json:"days" rpc:"min=1,max=3650" doc:"age of the oldest messages in days; default 30"`
	SizeMegabytes *uint32 `json:"size_megabytes" rpc:"min=1,max=100000" doc:"size of the history in MB; default 1000"`
	IncludeGroups *bool   `json:"include_groups" doc:"with groups; default true"`
	IncludeCalls  bool    `json:"include_calls" doc:"with the log of calls; default false"`
}

type syncFullHistoryConfig struct {
	Days          uint32 `json:"days" doc:"age of the oldest messages in days"`
	SizeMegabytes uint32 `json:"size_megabytes" doc:"size of the history in MB"`
	IncludeGroups bool   `json:"include_groups" doc:"with groups"`
	IncludeCalls  bool   `json:"include_calls" doc:"with the log of calls"`
}

type syncFullHistoryResult struct {
	RequestID string                `json:"request_id" doc:"request_id of the events HistorySync and HistorySyncComplete"`
	Config    syncFullHistoryConfig `json:"config" doc:"values that were used"`
}

type syncMessageParams struct {
	Chat      string `json:"chat" rpc:"required,format=jid" doc:"chat of the message"`
	MessageID string `json:"message_id" rpc:"required,min=1,max=128" doc:"message"`
	Sender    string `json:"sender" rpc:"format=jid" doc:"its author; needed in groups if the message is not stored. Default: of the stored message, or the other person of the chat"`
}

type syncMessageResult struct {
	RequestID string `json:"request_id" doc:"id of the request"`
	Chat      string `json:"chat" doc:"chat"`
	wa.ChatNames
	MessageID string  `json:"message_id" doc:"message"`
	Sender    *string `json:"sender" doc:"its author; null for the account itself"`
	wa.PersonNames
	RequestedAt time.Time `json:"requested_at" doc:"when WhatsApp accepted the request"`
}

const defaultHistoryLimit, defaultHistoryDays, defaultHistorySize = 50, 30, 1000

func requestChatHistory(ctx context.Context, s *bridge.Session, p *syncChatHistoryParams) (syncChatHistoryResult, error) {
	limit := defaultHistoryLimit
	if p.Limit != nil {
		limit = *p.Limit
	}
	id, chat, err := s.Chats().RequestHistory(ctx, chats.HistoryRequest{
		Chat: p.Chat, OldestID: p.OldestID, OldestTime: p.OldestAt, OldestFromMe: p.FromMe, OldestSender: p.OldestWho, Limit: limit,
	})
	return syncChatHistoryResult{RequestID: id, Chat: chat, Limit: limit}, err
}

func requestFullHistory(ctx context.Context, s *bridge.Session, p *syncFullHistoryParams) (syncFullHistoryResult, error) {
	config := syncFullHistoryConfig{Days: defaultHistoryDays, SizeMegabytes: defaultHistorySize, IncludeGroups: true, IncludeCalls: p.IncludeCalls}
	if p.Days != nil {
		config.Days = *p.Days
	}
	if p.SizeMegabytes != nil {
		config.SizeMegabytes = *p.SizeMegabytes
	}
	if p.IncludeGroups != nil {
		config.IncludeGroups = *p.IncludeGroups
	}
	id, err := s.Chats().RequestFullHistory(ctx, chats.FullHistory(config))
	return syncFullHistoryResult{RequestID: id, Config: config}, err
}

func requestMessage(ctx context.Context, s *bridge.Session, p *syncMessageParams) (syncMessageResult, error) {
	asked, err := s.Chats().RequestMessage(ctx, chats.MessageRequest{Chat: p.Chat, MessageID: p.MessageID, Sender: p.Sender})
	if err != nil {
		return syncMessageResult{}, err
	}
	return syncMessageResult{
		RequestID: asked.ID, Chat: asked.Chat.String(), MessageID: p.MessageID, Sender: wa.OrNull(wa.AddressString(asked.Sender)), RequestedAt: asked.Time.UTC(),
	}, nil
}

// RegisterSync registers sync.*.
func RegisterSync(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "sync.fetchAppState", Summary: "Read collections of the app state. A collection that fails is in the result. Each one ends with an event AppStateSyncComplete or AppStateSyncError that has the request's id; so does a copy that the phone sends later.", Timeout: sendTimeout},
		func(ctx context.Context, s *bridge.Session, p *syncFetchAppStateParams) (syncFetchAppStateResult, error) {
			id, reports, err := s.Account().FetchAppState(ctx, account.AppStateOptions{
				Names: p.Names, Incremental: p.Full != nil && !*p.Full, RequestRecovery: p.RequestRecovery == nil || *p.RequestRecovery,
			})
			if err != nil {
				return syncFetchAppStateResult{}, err
			}
			return syncFetchAppStateResult{id, appStateReports(reports)}, nil
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "sync.requestChatHistory", Summary: "Ask the phone for older messages of a chat. They are stored when they arrive. HistorySync has the progress, HistorySyncComplete the end, also if the phone does not answer; both have the request's id.", Timeout: sendTimeout}, requestChatHistory)
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "sync.requestMessage", Summary: "Ask the phone to send a message again that the session could not read.", Timeout: sendTimeout,
		Description: "The answer is a Message event with resolved true. None follows if the phone lacks the message, if it may be viewed once, or if its event is recorded already.",
	}, requestMessage)
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "sync.requestFullHistory", Summary: "Ask the phone for the history of all chats. It is stored as it arrives. HistorySync has the progress, HistorySyncComplete the end, also if the phone refuses or does not answer; both have the request's id.", Timeout: sendTimeout}, requestFullHistory)
}
