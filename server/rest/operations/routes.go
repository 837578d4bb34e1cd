package operations

import (
	"time"

	"github.com/waystation/waystation/server/rest"
)

func routes() []rest.Route {
	const session = "/api/v1/sessions/{session_id}"
	return []rest.Route{
		rest.Pass[reportRequest, reported]("POST", session+"/spam/report", "message.reportSpam", rest.NeedsBody()),
		rest.Pass[issueRequest, issuedTokens]("POST", session+"/tctoken/issue", "privacy.issueTokens", rest.NeedsBody()),
		rest.Pass[sessionRequest, tokenOwners]("GET", session+"/tctoken/list", "privacy.listTokens"),
		rest.Pass[tokenRequest, token]("GET", session+"/tctoken/{jid}", "privacy.getToken"),
		rest.Pass[sessionRequest, pruned]("DELETE", session+"/tctoken/expired", "privacy.deleteExpiredTokens"),
		rest.Pass[sessionRequest, reconnect]("GET", session+"/reconnect", "session.getSettings"),
		rest.Pass[reconnectRequest, reconnect]("PUT", session+"/reconnect", "session.updateSettings", rest.NeedsBody()),
		rest.Pass[sessionRequest, historySync]("GET", session+"/history-sync", "session.getSettings"),
		rest.Pass[historySyncRequest, historySync]("PUT", session+"/history-sync", "session.updateSettings", rest.NeedsBody()),
	}
}

type sessionRequest struct {
	Session string `rest:"session_id,path" doc:"id of the session"`
}

// unixTime is a time in seconds since 1970.
type unixTime int64

// lastTime is the last second that has an RFC 3339 form.
const lastTime = 253402300799

// ToParam implements rest.Converter.
func (t unixTime) ToParam(field string) (any, error) {
	if t <= 0 || t > lastTime {
		return nil, rest.Bad(field, "Invalid timestamp", "must be a time in seconds since 1970")
	}
	return time.Unix(int64(t), 0).UTC(), nil
}

type reportRequest struct {
	sessionRequest
	MessageID   string   `rest:"message_id,required,param=/message_id"`
	Timestamp   unixTime `rest:"message_timestamp,required,param=/timestamp" doc:"seconds since 1970"`
	From        string   `rest:"from_jid,param=/chat" bad:"Invalid JID" doc:"person or group; its absence needs a stored message"`
	Participant string   `rest:"participant_jid,param=/sender" bad:"Invalid JID" doc:"author in a group"`
	Group       string   `rest:"group_jid,param=/group" bad:"Invalid JID" doc:"group that is reported"`
	GroupName   string   `rest:"group_subject,param=/group_name"`
	Flow        string   `rest:"spam_flow,param=/flow" enum:"message_menu|group_spam_banner_report|group_info_report|contact_info|status_report"`
	MediaType   string   `rest:"media_type,param=/media_type"`
}

type reported struct {
	Success  bool    `json:"success" from:"=true"`
	ReportID *string `json:"report_id" from:"/report_id"`
}

type issueRequest struct {
	sessionRequest
	JIDs []string `rest:"jids,required,param=/contacts" bad:"Invalid JID" doc:"people"`
}

type issuedTokens struct {
	Tokens []struct {
		JID       string           `json:"jid" from:"/contact"`
		Timestamp rest.UnixSeconds `json:"timestamp" from:"/issued_at"`
	} `json:"tokens" from:"/tokens"`
}

type tokenOwners struct {
	JIDs []string `json:"jids" from:"/contacts"`
}

type tokenRequest struct {
	sessionRequest
	JID string `rest:"jid,path,param=/contact" bad:"Invalid JID" doc:"person"`
}

type token struct {
	JID      string            `json:"jid" from:"<jid"`
	Received *rest.UnixSeconds `json:"token_timestamp" from:"/received_at"`
	Issued   *rest.UnixSeconds `json:"sender_timestamp" from:"/issued_at"`
	Found    bool              `json:"found" from:"/found"`
}

type pruned struct {
	Count int `json:"pruned_count" from:"/deleted_count"`
}

type reconnectRequest struct {
	sessionRequest
	Enabled bool `rest:"enabled,required,param=/auto_reconnect"`
}

type reconnect struct {
	Enabled    bool `json:"enabled" from:"/settings/auto_reconnect"`
	ErrorCount int  `json:"error_count" from:"/reconnect_error_count"`
}

type historySyncRequest struct {
	sessionRequest
	Skip bool `rest:"skip,required,param=/skip_history_sync"`
}

type historySync struct {
	Skip bool `json:"skip_history_sync" from:"/settings/skip_history_sync"`
}
