package wuzapi

import (
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

func configurationRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[proxyRequest, proxySet]("POST", "/session/proxy", "session.setProxy", rest.NeedsBody()),
		rest.Pass[historySetting, historySet]("POST", "/session/history", "session.getSettings", rest.NeedsBody()),
		rest.Row("GET", "/session/history", "chat.list sync.requestChatHistory", requestHistory,
			rest.Reads[newestChat]("chat.list"), rest.Reads[historyRequested]("sync.requestChatHistory"), rest.FailText("Failed to request history sync.")),
		rest.Pass[hmacRequest, details]("POST", "/session/hmac/config", "webhook.update", rest.NeedsBody(), rest.Says("HMAC configuration saved successfully")),
		rest.Pass[rest.None, hmacShown]("GET", "/session/hmac/config", "webhook.get"),
		rest.Pass[rest.None, details]("DELETE", "/session/hmac/config", "webhook.update", rest.With(rest.Params{"secret": ""}), rest.Says("HMAC configuration deleted successfully")),
		rest.Pass[shared.StorageRequest, storageSaved]("POST", "/session/s3/config", "storage.updateSettings", rest.NeedsBody()),
		rest.Pass[rest.None, shared.Storage]("GET", "/session/s3/config", "storage.getSettings", rest.From("/settings")),
		rest.Pass[rest.None, details]("DELETE", "/session/s3/config", "storage.deleteSettings", rest.Says("S3 configuration deleted successfully")),
		rest.Pass[rest.None, storageTested]("POST", "/session/s3/test", "storage.test"),
	}
}

type proxyRequest struct {
	URL    string `rest:"proxy_url,param=/url" doc:"http, https or socks5 address; may be missing when enable is false"`
	Enable *bool  `rest:"enable,required,param=/enabled"`
}

// CompleteParams implements rest.Completer.
func (in *proxyRequest) CompleteParams(rest.Params) error {
	if *in.Enable && in.URL == "" {
		return rest.Missing("proxy_url", "")
	}
	return nil
}

type proxySet struct {
	Details  string
	ProxyURL string `from:"/url" doc:"the password is masked"`
	Enabled  bool   `json:"-" from:"/enabled"`
}

// FinishAnswer implements rest.Finisher.
func (p *proxySet) FinishAnswer() error {
	p.Details = "Proxy disabled successfully"
	if p.Enabled {
		p.Details = "Proxy configured successfully"
	}
	return nil
}

type historySetting struct {
	History *int `rest:"history,required" doc:"messages kept of each chat; any number above 0 has the same effect, because all are kept"`
}

// CompleteParams implements rest.Completer: messages are kept for all sessions or none, which is the operator's decision.
func (in *historySetting) CompleteParams(rest.Params) error {
	switch {
	case *in.History < 0:
		return rest.Bad("history", "History cannot be negative", "must be above 0")
	case *in.History == 0:
		return rest.Bad("history", "", "must be above 0: this server keeps the messages of all sessions")
	}
	return nil
}

type historySet struct {
	Details string `from:"=History configured successfully"`
	History int    `from:"<history"`
}

type historyRequest struct {
	Chat     string            `rest:"chat_jid,query,param=/chat" doc:"JID of the chat; default: the chat of the newest message"`
	Count    *int              `rest:"count,query,param=/limit" doc:"messages; default 50"`
	OldestID string            `rest:"oldest_msg_id,query,param=/oldest_message_id" doc:"message before which they are; default: the oldest one stored"`
	FromMe   *bool             `rest:"oldest_msg_from_me,query,param=/oldest_from_me"`
	At       shared.UnixMillis `rest:"oldest_msg_timestamp,query,param=/oldest_timestamp" doc:"its time in Unix milliseconds"`
}

// newestChat is the first page of chats.
type newestChat struct {
	Chat string `from:"/chats/0/chat"`
}

// historyRequested has the keys of the server and of its npm client.
type historyRequested struct {
	Details   string `from:"=History sync request Sent"`
	Text      string `json:"details" from:"=History sync request Sent"`
	Count     int    `json:"count" from:"/limit"`
	Chat      string `json:"chat_jid" from:"/chat"`
	RequestID string `json:"request_id" from:"/request_id"`
}

func requestHistory(x *rest.Exchange, in *historyRequest) (*historyRequested, error) {
	params, err := x.Params()
	if err != nil {
		return nil, err
	}
	if in.Chat == "" {
		var newest newestChat
		if err := x.Read("chat.list", rest.Params{"limit": 1}, &newest); err != nil {
			return nil, err
		}
		if newest.Chat == "" {
			return nil, rest.Missing("chat_jid", "")
		}
		params["chat"] = newest.Chat
	}
	answer := &historyRequested{}
	return answer, x.Read("sync.requestChatHistory", params, answer)
}

type hmacRequest struct {
	Key hmacKey `rest:"hmac_key,required,param=/secret" bad:"HMAC key must be at least 32 characters long" doc:"key of the signatures of webhooks; at least 32 characters"`
}

// hmacKey is a key of the length that the server wants.
type hmacKey string

const shortestHMACKey = 32

// ToParam implements rest.Converter.
func (k hmacKey) ToParam(field string) (any, error) {
	if len(k) < shortestHMACKey {
		return nil, rest.Bad(field, "HMAC key must be at least 32 characters long", "must be at least 32 characters long")
	}
	return string(k), nil
}

type hmacShown struct {
	Key        string `json:"hmac_key" doc:"*** if there is one"`
	Configured bool   `json:"configured" from:"/webhook/has_secret"`
}

// FinishAnswer implements rest.Finisher.
func (h *hmacShown) FinishAnswer() error {
	if h.Configured {
		h.Key = masked
	}
	return nil
}

// masked stands for what the server does not show.
const masked = "***"

type storageSaved struct {
	Details string `from:"=S3 configuration saved successfully"`
	Enabled bool   `from:"/settings/enabled"`
}

type storageTested struct {
	Details string `from:"=S3 connection test successful"`
	Bucket  string `from:"/bucket"`
	Region  string `from:"/region"`
	OK      bool   `json:"-" from:"/ok"`
	Error   string `json:"-" from:"/error"`
}

// FinishAnswer implements rest.Finisher.
func (t *storageTested) FinishAnswer() error {
	if !t.OK {
		return rest.State("S3 connection test failed: " + t.Error)
	}
	return nil
}
