// Package methods holds the JSON-RPC methods, one file per namespace. A method
// checks what tags cannot say, calls the bridge or another owner, and shapes
// the result; it implements nothing itself.
//
// It must not know HTTP, sockets or the documents' dialects. Enter at the
// Register functions; MapError turns the errors of lower packages into those a
// caller sees.
package methods

import (
	"context"
	"log/slog"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/objectstore"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/outlets"
	"github.com/waystation/waystation/transports/webhook"
)

// Tokens gives out and takes back the credentials bound to one session.
type Tokens interface {
	// IssueSessionToken makes token the session's only one and returns it; an
	// empty one is generated. An *rpc.Error says that it is in use already.
	IssueSessionToken(ctx context.Context, session, token string) (string, error)
	RevokeSession(ctx context.Context, session string) error
}

// ServerSettings are server-wide values that gate the sessions' own.
type ServerSettings struct {
	SkipMedia       bool `json:"skip_media" doc:"no session's media is downloaded"`
	EchoAPIMessages bool `json:"echo_api_messages" doc:"sessions may emit events for messages sent through the API"`
}

// Deps is what the methods work on.
type Deps struct {
	Bridge     *bridge.Bridge
	Tokens     Tokens
	Webhooks   *webhook.Webhooks
	Deliveries *dispatch.Dispatcher
	Outlets    *outlets.Outlets
	Globals    GlobalDeps
	Events     EventReader
	// Retention is the journal's, which delivery.prune sets off.
	Retention Retention
	// WatchTokens are those of delivery.createWatchToken, WatchURL the address that is watched with one.
	WatchTokens WatchTokens
	WatchURL    func(token string) string
	// Watching are the watches that are open; nil = one made by RegisterDelivery.
	Watching *WatchHub
	Server   ServerSettings
	Storage  *objectstore.Storage // of media; nil only where no method of it is registered
	// MediaURL gives the address a kept file can be fetched at; nil = none.
	MediaURL func(mediaID string) string
	// SignMediaURL gives an address of a kept file that needs no token, for a time; 0 = as long as such addresses are
	// good. nil = none. Its error is an *rpc.Error.
	SignMediaURL func(session, mediaID string, validFor time.Duration) (url string, expires time.Time, err error)
	Log          *slog.Logger // nil = slog.Default()
}

func (d Deps) log() *slog.Logger {
	if d.Log == nil {
		return slog.Default()
	}
	return d.Log
}
