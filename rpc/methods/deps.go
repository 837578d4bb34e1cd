// Package methods contains the JSON-RPC methods, one file per namespace. A method checks the rules that tags cannot
// express, calls the bridge or another owner, and shapes the result; it implements nothing itself.
//
// It must not know HTTP, sockets or the documents' dialects. Start reading at the Register functions; shared.MapError
// converts the errors of lower packages to those for callers.
package methods

import (
	"context"
	"log/slog"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/objectstore"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/outlets"
	"github.com/waystation/waystation/transports/webhook"
)

// Tokens issues and revokes the credentials bound to one session.
type Tokens interface {
	// IssueSessionToken makes token the session's only one and returns it; an empty one is generated. An *rpc.Error
	// reports that it is in use already.
	IssueSessionToken(ctx context.Context, session, token string) (string, error)
	RevokeSession(ctx context.Context, session string) error
}

// Owners stores which account owns a session.
type Owners interface {
	// SetOwner makes an account the owner of a new session and ends all other access to it; "" = it has none.
	SetOwner(ctx context.Context, session, account string) error
	// OwnerOf returns the account that owns a session; "" = none.
	OwnerOf(session string) string
}

// ServerSettings are server-wide values that override the sessions' own.
type ServerSettings struct {
	SkipMedia       bool `json:"skip_media" doc:"no session's media is downloaded"`
	EchoAPIMessages bool `json:"echo_api_messages" doc:"sessions may emit events for messages sent through the API"`
}

// Deps are the dependencies of the methods.
type Deps struct {
	Bridge     *bridge.Bridge
	Tokens     Tokens
	Owners     Owners // nil = sessions have no owners
	Webhooks   *webhook.Webhooks
	Deliveries *dispatch.Dispatcher
	Outlets    *outlets.Outlets
	Globals    GlobalDeps
	Events     EventReader
	Server     ServerSettings
	Storage    *objectstore.Storage // of media; nil only where no method of it is registered
	// MediaURL returns the URL of a stored file; nil = files have no URL.
	MediaURL func(mediaID string) string
	// SignMediaURL returns a URL of a stored file that needs no token, valid for a limited time; 0 = the longest
	// permitted time. nil = not supported. Its error is an *rpc.Error.
	SignMediaURL func(session, mediaID string, validFor time.Duration) (url string, expires time.Time, err error)
	Log          *slog.Logger // nil = slog.Default()
}

func (d Deps) log() *slog.Logger {
	if d.Log == nil {
		return slog.Default()
	}
	return d.Log
}

// RegisterAll registers the namespaces that have Deps.
func RegisterAll(reg *rpc.Registry, d Deps) {
	for _, register := range []func(*rpc.Registry, Deps){
		RegisterBot,
		RegisterBusiness,
		RegisterCall,
		RegisterChat,
		RegisterCommunity,
		RegisterContact,
		RegisterDevice,
		RegisterGroup,
		RegisterLabel,
		RegisterMedia,
		RegisterMessage,
		RegisterNewsletter,
		RegisterPresence,
		RegisterPrivacy,
		RegisterProfile,
		RegisterSession,
		RegisterStatus,
		RegisterStorage,
		RegisterSync,
		RegisterTransport,
		RegisterWebhook,
	} {
		register(reg, d)
	}
}
