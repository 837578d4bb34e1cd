// Package servermethods contains the JSON-RPC methods of the server itself that people use: system settings, the
// check for updates, API descriptions, notices and the audit log.
//
// It must not know HTTP or SQL: stores are interfaces here. Enter at Register.
package servermethods

import (
	"encoding/json"

	"github.com/waystation/waystation/rpc"
)

// Deps are the dependencies of the methods.
type Deps struct {
	Settings SettingsStore
	// Releases is the feed of releases; nil = the operator configured none.
	Releases Releases
	// Describe returns the OpenAPI document of a REST dialect by its name; false = there is no such dialect. An empty name stands for the dialect
	// at the root.
	Describe func(api string) (json.RawMessage, bool)
	Notices  NoticeStore
	Accounts Accounts
	Audit    AuditLog
}

// Register adds the methods.
func Register(reg *rpc.Registry, d Deps) {
	registerSettings(reg, d)
	registerUpdates(reg, d)
	registerDescriptions(reg, d)
	registerNotices(reg, d)
	registerAudit(reg, d)
}
