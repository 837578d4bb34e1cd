package operations

import "github.com/waystation/waystation/server/rest"

func routes() []rest.Route {
	const session = "/api/v1/sessions/{session_id}"
	return []rest.Route{
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
