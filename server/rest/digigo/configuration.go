package digigo

import (
	"time"

	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

// configuration has the settings of a session that lists of users and the status of a session show in the same form.
type configuration struct {
	ID         string               `json:"id" from:"/session_id"`
	Name       string               `json:"name" from:"/name"`
	AvatarURL  string               `json:"avatar_url" from:"/picture_url"`
	Token      string               `json:"token" from:"=***" doc:"masked: the server has only its hash"`
	Webhook    string               `json:"webhook" from:"/webhooks/0/url"`
	Events     joinedList           `json:"events" from:"/webhooks/0/events"`
	JID        string               `json:"jid" from:"/jid"`
	QRCode     string               `json:"qrcode" from:"/qr_code/image" doc:"empty if there is nothing to scan"`
	Connected  bool                 `json:"connected" from:"/status/connected"`
	LoggedIn   bool                 `json:"loggedIn" from:"/status/logged_in"`
	Expiration secondsAt            `json:"expiration" from:"/token_expires_at" doc:"Unix seconds; 0 = never"`
	SkipMedia  bool                 `json:"skip_media_download" from:"/settings/skip_media"`
	Groups     bool                 `json:"skip_groups" from:"/settings/skip_groups"`
	News       bool                 `json:"skip_newsletters" from:"/settings/skip_newsletters"`
	Broadcasts bool                 `json:"skip_broadcasts" from:"/settings/skip_broadcasts"`
	Own        bool                 `json:"skip_own_messages" from:"/settings/skip_own_messages"`
	Echo       bool                 `json:"echo_api_messages" from:"/settings/echo_api_messages"`
	Calls      bool                 `json:"skip_calls" from:"/settings/reject_calls"`
	CallText   string               `json:"call_reject_message" from:"/settings/call_reject_message"`
	CallReason rest.Word[callWords] `json:"call_reject_type" from:"/settings/call_reject_reason"`
	Skips      skippedTransports    `json:"globalTransportSkips" from:"/settings"`
	FromAPI    bool                 `json:"isFromAPI" doc:"always false"`
	Proxy      shownProxy           `json:"proxy_config" from:"/proxy"`
}

type callWords struct{}

// WordPairs implements rest.Vocabulary.
func (callWords) WordPairs() map[string]string { return map[string]string{"declined": "decline"} }

type shownProxy struct {
	Enabled bool   `json:"enabled" from:"/enabled"`
	URL     string `json:"proxy_url" from:"/url"`
}

// sessionShown is the status of a session.
type sessionShown struct {
	configuration
	health
	Storage   shared.MaskedStorage `json:"s3_config" from:"/storage"`
	RabbitMQ  rabbitWithPools      `json:"rabbitmq_config" from:"/transports/amqp"`
	ProxyURL  string               `json:"proxy_url" from:"/proxy/url"`
	Timestamp int64                `json:"timestamp" doc:"Unix seconds of the answer"`
}

// FinishAnswer implements rest.Finisher: the expiration is in seconds from now here.
func (s *sessionShown) FinishAnswer() error {
	s.Timestamp = time.Now().Unix()
	if s.Expiration != 0 {
		s.Expiration = max(s.Expiration-secondsAt(s.Timestamp), 0)
	}
	return nil
}

// health is the state of the connection of a session.
type health struct {
	HasClient     hasClient              `json:"hasClient" from:"/status/health"`
	Health        rest.Word[healthWords] `json:"connectionHealth" from:"/status/health"`
	LastConnected secondsAt              `json:"lastSuccessfulConnect" from:"/status/last_connected_at" doc:"Unix seconds; 0 = never"`
	Errors        int                    `json:"autoReconnectErrors" from:"/status/reconnect_error_count"`
	AutoReconnect bool                   `json:"enableAutoReconnect" from:"/status/auto_reconnect"`
}

type healthWords struct{}

// WordPairs implements rest.Vocabulary.
func (healthWords) WordPairs() map[string]string {
	return map[string]string{"connected_not_logged_in": "connected_not_logged"}
}

// hasClient reports whether a session has a client, by its health.
type hasClient bool

// UnmarshalJSON implements json.Unmarshaler.
func (c *hasClient) UnmarshalJSON(raw []byte) error {
	*c = string(raw) != `"no_client"` && string(raw) != `"unknown"`
	return nil
}
